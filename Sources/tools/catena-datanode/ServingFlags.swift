import ArgumentParser

/// What every serving datanode takes, in a cluster or in none.
struct ServingFlags: ParsableArguments {
    @Option(help: .init("A file with the cluster's secret, as format made it.", valueName: "file"))
    var secretFile: String?

    @Option(help: .init("A data directory; give one for each device.", valueName: "directory"))
    var dir: [String] = []

    @Option(
        help: .init(
            "The numeric address to listen on; port 0 takes a free one.", valueName: "address:port")
    )
    var listen: String?

    @Option(
        help: .init(
            "The numeric address others reach this node at (default: the one it listens on).",
            valueName: "address"))
    var advertise: String?

    @Option(help: .init("Write the port here once it is known.", valueName: "file"))
    var portFile: String?

    @Option(
        help: .init(
            "A frame that has begun, or an answer, must be complete within this.", valueName: "ms"))
    var progressTimeoutMs: String?

    @Option(help: .init("A connection without a stream may be silent for this.", valueName: "ms"))
    var idleTimeoutMs: String?

    @Option(
        help: .init(
            "Buffers of packet-bytes for frames in memory (default: 128).", valueName: "count"))
    var payloadBuffers: String?

    @Option(help: .init("The longest payload of one frame (default: 1MiB).", valueName: "size"))
    var packetBytes: String?

    @Option(
        help: .init(
            """
            Connections at once (default: 4096). Each, and each open block, takes a place among \
            the process's open files (ulimit -n).
            """, valueName: "count"))
    var connections: String?

    @Option(help: .init("Blocks open for writing at once (default: 2048).", valueName: "count"))
    var writeStreams: String?

    @Option(help: .init("Ranges being read at once (default: 1024).", valueName: "count"))
    var readStreams: String?

    @Option(
        help: .init(
            "Bytes of each device that files of deleted blocks may keep for new blocks, "
                + "at most a tenth of it (default: 8GiB).", valueName: "size"))
    var recycleBytes: String?

    @Option(
        help: .init(
            "Bytes of each device to write at start as files for new blocks (default: 0).",
            valueName: "size"))
    var preallocate: String?

    @Option(
        help: .init("Length of the blocks such files are for (default: 128MiB).", valueName: "size")
    )
    var preallocateBlock: String?

    @Option(
        help: .init(
            "Zero-copy sends where they pay: auto or off (default: auto).", valueName: "mode")
    )
    var zeroCopy: String?

    @Option(
        help: .init(
            "Threads that each serve a part of the blocks; buffers and limits are for each.",
            valueName: "count"))
    var reactors: String?

    @Option(help: .init("One CPU for each reactor, such as 2-5,8.", valueName: "cpus"))
    var pin: String?

    @Flag(help: "Buffers in huge pages (vm.nr_hugepages), else in transparent ones.")
    var hugePages = false

    @Option(
        help: .init(
            "Threads and buffers near the NIC or device (auto), or on a NUMA node.",
            valueName: "auto|node"))
    var numa: String?

    /// Their names in a file and, with CATENA_ before them, in the environment.
    static let names: Set<String> = [
        "secret-file", "dir", "listen", "advertise", "port-file", "progress-timeout-ms",
        "idle-timeout-ms", "payload-buffers", "packet-bytes", "connections",
        "write-streams", "read-streams", "recycle-bytes", "preallocate", "preallocate-block",
        "zero-copy", "reactors", "pin", "huge-pages", "numa",
    ]

    /// The flags that were given, by name, with a command's own; directories are read apart.
    func given(_ own: [(String, String?)]) -> [String: [String]] {
        let ours: [(String, String?)] = [
            ("secret-file", secretFile), ("listen", listen), ("advertise", advertise),
            ("port-file", portFile), ("progress-timeout-ms", progressTimeoutMs),
            ("idle-timeout-ms", idleTimeoutMs), ("payload-buffers", payloadBuffers),
            ("packet-bytes", packetBytes), ("connections", connections),
            ("write-streams", writeStreams), ("read-streams", readStreams),
            ("recycle-bytes", recycleBytes), ("preallocate", preallocate),
            ("preallocate-block", preallocateBlock), ("zero-copy", zeroCopy),
            ("reactors", reactors),
            ("pin", pin), ("huge-pages", hugePages ? "true" : nil), ("numa", numa),
        ]
        return Dictionary(uniqueKeysWithValues: (ours + own).map { ($0, $1.map { [$0] } ?? []) })
    }
}
