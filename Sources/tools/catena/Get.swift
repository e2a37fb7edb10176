import ArgumentParser
import Client
import ToolSupport

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a key's value to a file.",
        discussion: """
            Every chunk is checked against the checksum of the time it was written; a bad \
            or absent replica is passed over for the next one. The bytes go to \
            FILE.partial-PID, which takes FILE's place when all are there: a failed get \
            leaves what was there before.

            EXAMPLES
              catena get photos/2026/photo.jpg copy.jpg
              catena get backups/app.sql - | psql app
              catena get --offset 1MiB --length 64KiB models/latest part.bin
            """)

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The file to write, - for standard output.")
    var file: String

    @OptionGroup var range: RangeFlags

    @Flag(name: .shortAndLong, help: "No progress bar and no closing line.")
    var quiet = false

    @OptionGroup var flags: ClientFlags

    func validate() throws {
        if file == "-" && flags.json {
            throw ValidationError("--json and the value cannot both go to standard output")
        }
    }

    func run() throws {
        try flags.run { client, location in
            let sink = try LocalSink(file)
            let bar = ProgressBar(label: "get", total: range.total, quiet: quiet || file == "-")
            defer { bar.finish() }
            let summary = try client.get(
                key, to: sink.payload, options: range.options(location), progress: bar.update)
            try sink.commit()
            let taken = bar.elapsed
            bar.finish()
            if flags.json {
                try StandardStream.output.writeResult(json(summary, taken))
            } else if !quiet && file != "-" {
                StandardStream.error.write(
                    "\(key): \(transferText(summary.length, taken)), "
                        + "crc32c \(checksumText(summary.checksum))\n")
            }
        }
    }

    private func json(_ summary: GetSummary, _ milliseconds: Int64) -> String {
        JSONLine([
            ("key", .string(key)), ("length", .unsigned(summary.length)),
            ("crc32c", .string(checksumText(summary.checksum))),
            ("milliseconds", .integer(milliseconds)),
            ("bytes_per_second", .number(rate(summary.length, milliseconds).rounded())),
            ("replicas_tried", .integer(Int64(summary.replicasTried))),
        ]).text
    }
}
