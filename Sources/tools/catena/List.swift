import ArgumentParser
import Client
import ToolSupport

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List keys in byte order.",
        discussion: """
            Keys are flat; a delimiter makes them look like folders: what goes on after it \
            is shown as one line that ends with it.

            EXAMPLES
              catena ls                    the top level
              catena ls photos/            one level below photos/
              catena ls -r photos/         every key that begins with photos/
              catena ls -l --delimiter -   levels separated by a hyphen, with sizes and times
              catena ls -r -0 | xargs -0 -n 1 catena stat

            A key may hold any character, a line's end too. A terminal gets such characters \
            escaped, a pipe as they are: read --null (-0) or --json where keys are not your own.
            """)

    @Argument(help: "What the keys begin with.")
    var prefix = ""

    @Option(help: "What separates levels.")
    var delimiter = "/"

    @Flag(name: .shortAndLong, help: "Every key below the prefix, without levels.")
    var recursive = false

    @Flag(name: .shortAndLong, help: "Sizes and times too.")
    var long = false

    @Flag(
        name: [.customShort("0"), .customLong("null")],
        help: "End each entry with a zero byte instead of a new line.")
    var null = false

    @Option(help: .init("Stop after this many lines.", valueName: "count"))
    var limit: Int?

    @OptionGroup var flags: ClientFlags

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is at least 1") }
        if null && flags.json { throw ValidationError("--null and --json are two forms of a list") }
        if delimiter.isEmpty { throw ValidationError("--delimiter is not empty: use -r") }
    }

    func run() throws {
        try flags.run { client, _ in
            var cursor = client.namespace.keys(
                prefix: prefix, delimiter: recursive ? "" : delimiter,
                page: min(limit ?? 1_000, 1_000))
            var left = limit ?? Int.max
            while left > 0, let entry = try cursor.next() {
                try StandardStream.output.writeResult(flags.json ? json(entry) : text(entry))
                left -= 1
            }
        }
    }

    private func text(_ entry: ListEntry) -> String {
        let key = null ? entry.key : shown(entry.key)
        let end = null ? "\0" : "\n"
        guard long else { return key + end }
        let length = entry.isPrefix ? "-" : String(entry.length)
        let time = entry.isPrefix ? "-" : Timestamp.format(entry.created, fraction: false)
        return padLeft(length, 15) + "  " + padLeft(time, 20) + "  " + key + end
    }

    private func padLeft(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - text.count)) + text
    }

    private func json(_ entry: ListEntry) -> String {
        guard !entry.isPrefix else {
            return JSONLine([("key", .string(entry.key)), ("prefix", .bool(true))]).text
        }
        return JSONLine([
            ("key", .string(entry.key)), ("prefix", .bool(false)),
            ("length", .unsigned(entry.length)),
            ("created", .string(Timestamp.format(entry.created))),
        ]).text
    }
}
