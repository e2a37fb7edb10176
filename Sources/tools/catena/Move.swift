import ArgumentParser
import ToolSupport

struct Move: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mv",
        abstract: "Rename a key, atomically and without moving a byte.",
        discussion: """
            EXAMPLES
              catena mv models/new models/2026-11
              catena mv --overwrite models/new models/latest
            """)

    @Argument(help: "The key as it is.")
    var from: String

    @Argument(help: "The key as it shall be.")
    var to: String

    @Flag(help: "Replace the value of the new key if that exists.")
    var overwrite = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run(prints: flags.json) { client, _ in
            try client.namespace.rename(from, to: to, overwrite: overwrite)
            if flags.json {
                try StandardStream.output.writeResult(
                    JSONLine([("from", .string(from)), ("to", .string(to))]).text)
            }
        }
    }
}
