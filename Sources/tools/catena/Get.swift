import ArgumentParser
import Client
import ToolSupport

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a key's value to a file.",
        discussion: """
            Every chunk is checked against the checksum of the time it was written; a bad \
            or absent replica is passed over for the next one. The bytes go to \
            FILE.partial-ID, which takes FILE's place when all are there: a failed get \
            leaves what was there before. What a get that was killed has left there is removed \
            by the next one to the same FILE. A FILE that may be written in a directory that may \
            not is written in place.

            EXAMPLES
              catena get photos/2026/photo.jpg copy.jpg
              catena get backups/app.sql - | psql app
              catena get --offset 1MiB --length 64KiB models/latest part.bin
            """)

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The file to write, - for standard output.")
    var file: LocalPath

    @OptionGroup var range: RangeFlags

    @Flag(name: .shortAndLong, help: "No progress bar and no closing line.")
    var quiet = false

    @OptionGroup var flags: ClientFlags

    func validate() throws {
        if file.isStandard && flags.json {
            throw ValidationError("--json and the value cannot both go to standard output")
        }
    }

    func run() throws {
        try flags.run(prints: flags.json) { client, location in
            try Interruption.watch()
            let sink = try LocalSink(file)
            for leftover in sink.leftovers where !quiet {
                warn("removed \(leftover), which a get that was killed had left", json: flags.json)
            }
            let bar = ProgressBar(
                label: "get", total: range.total, quiet: quiet || file.isStandard)
            defer { bar.finish() }
            let summary = try get(client, sink, location, bar)
            try sink.commit(length: summary.length)
            let taken = bar.elapsed
            bar.finish()
            if flags.json {
                try StandardStream.output.writeResult(json(summary, taken))
            } else if !quiet && !file.isStandard {
                StandardStream.error.write(
                    "\(ShownText.line(key)): \(transferText(summary.length, taken)), "
                        + "crc32c \(checksumText(summary.checksum))\n")
            }
        }
    }

    private func get(
        _ client: CatenaClient, _ sink: borrowing LocalSink, _ location: String, _ bar: ProgressBar
    ) throws -> GetSummary {
        do throws(ClientError) {
            return try client.get(
                key, to: sink.payload, options: range.options(location), progress: bar.update)
        } catch {
            if sink.isCut {
                warn("\(file) was written in place and has a part of the value", json: flags.json)
            }
            throw error
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
