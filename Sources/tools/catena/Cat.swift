import ArgumentParser
import Client
import ToolSupport

struct Cat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a key's value to standard output.",
        discussion: """
            A reader that has seen enough (head, less) ends it by SIGPIPE, as it ends cat.

            EXAMPLES
              catena cat notes/today.txt
              catena cat --offset 100 --length 20 notes/today.txt
            """)

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var range: RangeFlags
    @OptionGroup var flags: ClientFlags

    func validate() throws {
        if flags.json {
            throw ValidationError(
                "--json and the value cannot both go to standard output: use get, or stat --json")
        }
    }

    func run() throws {
        try flags.run { client, location in
            let sink = try LocalSink(LocalPath(argument: "-"))
            _ = try client.get(
                key, to: sink.payload, options: range.options(location), progress: { _ in })
        }
    }
}
