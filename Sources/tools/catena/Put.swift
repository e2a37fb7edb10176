import ArgumentParser
import Client
import ControlClient
import System
import ToolSupport

struct Put: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Store a file, or standard input, under a key.",
        discussion: """
            The key appears when every byte is where --durability wants it, all at once; \
            until then readers see the old value or none. A file that changes while it is read \
            is not stored (exit 74).

            EXAMPLES
              catena put photo.jpg photos/2026/photo.jpg
              pg_dump app | catena put - backups/app.sql
              catena put --overwrite --durability written model.bin models/latest
            """)

    @Argument(help: "The file to read, - for standard input.")
    var file: LocalPath

    @Argument(help: "The key: 1 to 1,024 bytes of UTF-8.")
    var key: String

    @Flag(help: "Replace the value if the key exists.")
    var overwrite = false

    @Option(help: .init("Copies of every block (default: the cluster's).", valueName: "count"))
    var replicas: Int?

    @Option(
        help: "What must be true of every copy before the key appears.")
    var durability: CloseDurability?

    @Option(
        name: [.long, .customLong("block-bytes")],
        help: .init(
            "The longest a block may become, such as 16MiB, unless the value needs longer ones "
                + "(default: the cluster's).",
            valueName: "size"))
    var blockSize: SizeArgument?

    @Option(
        name: [.long, .customLong("packet-bytes")],
        help: .init(
            "Bytes in one packet, at most 1MiB; for tests of small packets.", valueName: "size"))
    var packetSize: SizeArgument?

    @Option(
        help: .init(
            "Make every copy durable after so many bytes of a block, not only at its end.",
            valueName: "size"))
    var flushEvery: SizeArgument?

    @Flag(name: .shortAndLong, help: "No progress bar and no closing line.")
    var quiet = false

    @OptionGroup var flags: ClientFlags

    func validate() throws {
        if let replicas, !(1...5).contains(replicas) {
            throw ValidationError("--replicas is from 1 to 5")
        }
        if let packetSize, !(1...(1 << 20)).contains(packetSize.bytes) {
            throw ValidationError("--packet-size is from 1 to 1MiB")
        }
        if let flushEvery, flushEvery.bytes == 0 {
            throw ValidationError("--flush-every is at least 1 byte")
        }
        if let blockSize, !((64 << 10)...(1 << 30)).contains(blockSize.bytes) {
            throw ValidationError("--block-size is from 64KiB to 1GiB")
        }
    }

    func run() throws {
        try flags.run(prints: flags.json) { client, location in
            try Interruption.watch()
            let source = try LocalSource(file)
            let bar = ProgressBar(label: "put", total: source.payload.length, quiet: quiet)
            defer { bar.finish() }
            var wanted = options(location)
            wanted.leaseTaken = giveBack(to: client.namenode)
            wanted.leaseKept = keepLease
            let summary = try put(client, source, wanted, bar)
            let taken = bar.elapsed
            bar.finish()
            if flags.json {
                try StandardStream.output.writeResult(json(summary, taken))
            } else if !quiet {
                let blocks = counted(summary.blocks.count, "block")
                StandardStream.error.write(
                    "\(ShownText.line(key)): \(transferText(summary.length, taken)), \(blocks), "
                        + "crc32c \(checksumText(summary.checksum))\n")
            }
        }
    }

    private func put(
        _ client: CatenaClient, _ source: borrowing LocalSource, _ options: PutOptions,
        _ bar: ProgressBar
    ) throws -> PutSummary {
        do throws(ClientError) {
            return try client.put(
                key, from: source.payload, options: options, progress: bar.update)
        } catch {
            bar.finish()
            if !Interruption.hasWork, client.namespace.wasGreeted { warnOfLease(error) }
            if case .unwritable = error, source.payload.length == nil {
                throw AdvisedFailure(
                    error,
                    advice: "what came through a pipe cannot be sent to other nodes again: "
                        + "write it to a file first, and put that file")
            }
            throw error
        }
    }

    /// A CREATE that was not answered may have been done all the same.
    private func warnOfLease(_ error: ClientError) {
        switch error {
        case .timedOut, .unreachable, .malformed:
            warn(
                "the key '\(key)' may be leased, for the namenode's answer did not come: it is "
                    + "free again when that lease ends by itself (--lease-ms of the namenode, a "
                    + "minute unless it says otherwise)", json: flags.json)
        default: return
        }
    }

    /// Interrupted, the command gives its lease back, so that the key is free at once. It asks over
    /// a connection of its own: the other one may be in the middle of a call.
    private func giveBack(to namenode: Endpoint) -> @Sendable (Lease) -> Void {
        { lease in
            Interruption.tidy {
                var settings = ControlConnection.Settings(role: .client, software: "catena")
                settings.connectMilliseconds = 1_000
                let retry = ControlCaller.Retry(totalMilliseconds: 1_000)
                let caller = ControlCaller(namenode, settings: settings, retry: retry)
                do throws(ClientError) {
                    try NamespaceClient(caller).abandon(lease)
                } catch {
                    keepLease(lease, error)
                }
            }
        }
    }

    private func keepLease(_ lease: Lease, _ error: ClientError) {
        let span = TimeSpan.format(Int64(clamping: lease.milliseconds))
        warn(
            "the key '\(key)' is still leased, for the namenode could not be told (\(error)): "
                + "it is free again when the lease ends, within \(span)", json: flags.json)
    }

    private func options(_ location: String) -> PutOptions {
        var options = PutOptions()
        options.overwrite = overwrite
        options.location = location
        if let replicas { options.replicas = replicas }
        if let durability { options.durability = durability }
        if let blockSize { options.blockBytes = blockSize.bytes }
        if let packetSize { options.packetBytes = Int(packetSize.bytes) }
        options.flushEvery = flushEvery?.bytes
        return options
    }

    private func json(_ summary: PutSummary, _ milliseconds: Int64) -> String {
        let blocks = summary.blocks.map { block in
            JSONValue.object([
                ("block", .string("\(block.block)")), ("length", .unsigned(block.length)),
                ("chain", .array(block.chain.map(nodeJSON))),
            ])
        }
        return JSONLine([
            ("key", .string(key)), ("length", .unsigned(summary.length)),
            ("crc32c", .string(checksumText(summary.checksum))),
            ("milliseconds", .integer(milliseconds)),
            ("bytes_per_second", .number(rate(summary.length, milliseconds).rounded())),
            ("blocks", .array(blocks)),
        ]).text
    }
}
