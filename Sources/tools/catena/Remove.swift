import ArgumentParser
import Client
import ToolSupport

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Delete keys.",
        discussion: """
            Each key goes atomically; one that fails does not keep the others. The exit \
            code is that of the first failure.

            EXAMPLES
              catena rm photos/2026/photo.jpg
              catena rm -f maybe/here maybe/there
            """)

    @Argument(help: "The keys.")
    var keys: [String]

    @Flag(name: .shortAndLong, help: "A key that is not there is no error.")
    var force = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        let codes = try flags.run(prints: flags.json) { client, _ in
            keys.compactMap { failure($0, client.namespace) }
        }
        if let first = codes.first { throw first }
    }

    /// The exit code of one key's failure, which has been shown; `nil` when it is gone.
    private func failure(_ key: String, _ namespace: NamespaceClient) -> (any Error)? {
        do {
            try presenting(json: flags.json) { try delete(key, namespace) }
            return nil
        } catch {
            return error
        }
    }

    private func delete(_ key: String, _ namespace: NamespaceClient) throws {
        let deleted = try wasThere(key, namespace)
        guard deleted || force else { throw ClientError.notFound(key: key) }
        if flags.json {
            try StandardStream.output.writeResult(
                JSONLine([("key", .string(key)), ("deleted", .bool(deleted))]).text)
        }
    }

    /// Deletes the key and says whether there was one.
    private func wasThere(_ key: String, _ namespace: NamespaceClient) throws -> Bool {
        do {
            try namespace.delete(key)
            return true
        } catch ClientError.notFound {
            return false
        }
    }
}
