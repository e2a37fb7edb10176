import ArgumentParser
import Client
import ToolSupport

struct Test: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer a question about a key by the exit code: 0 yes, 1 no.",
        discussion: """
            A question that cannot be answered ends with another code, such as 69 for a \
            cluster that is not there.

            EXAMPLES
              catena test -e photos/2026/photo.jpg && echo there
            """)

    @Flag(name: .customShort("e"), help: "Is there a value under the key? (the default)")
    var exists = false

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var flags: ClientFlags

    func run() throws {
        let answer = try flags.run(prints: flags.json) { client, _ in
            let answer = try hasValue(client.namespace)
            if flags.json {
                try StandardStream.output.writeResult(
                    JSONLine([("key", .string(key)), ("exists", .bool(answer))]).text)
            }
            return answer
        }
        if !answer { throw SystemExit.no.exitCode }
    }

    private func hasValue(_ namespace: NamespaceClient) throws -> Bool {
        do {
            return try namespace.info(key).exists
        } catch ClientError.notFound {
            return false
        }
    }
}
