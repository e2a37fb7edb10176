import ArgumentParser
import ControlClient
import DataPath
import Dispatch
import Glibc
import Logging
import Reactor
import ToolSupport
import Wire

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve blocks until SIGTERM.")

    @OptionGroup var common: CommonFlags

    @Option(help: .init("The namenode's address.", valueName: "host:port"))
    var namenode: String?

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

    @Option(
        help: .init(
            "/az/pod/rack/node/device (default: what the namenode's map says).",
            valueName: "location"))
    var location: String?

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
    @Option(help: .init("Blocks open for writing at once (default: 2048).", valueName: "count"))
    var writeStreams: String?

    @Option(help: .init("Ranges being read at once (default: 1024).", valueName: "count"))
    var readStreams: String?

    private static let known: Set<String> = [
        "namenode", "secret-file", "dir", "listen", "advertise", "location", "port-file",
        "progress-timeout-ms", "idle-timeout-ms", "payload-buffers", "packet-bytes", "connections",
        "recycle-bytes", "preallocate", "preallocate-block", "zero-copy",
        "write-streams", "read-streams",
    ]

    func run() throws {
        try presenting("catena-datanode") {
            let settings = try common.settings(
                fallback: "/etc/catena/datanode.yaml", known: Self.known, flags: flags)
            let log = try common.logger("datanode", settings)
            let configuration = try DatanodeSettingsReader(settings: settings, directories: dir)
                .configuration()
            signal(SIGPIPE, SIG_IGN)
            let stop = StopSignal()
            let signals = stopOnSignals(stop, log)
            defer { for signal in signals { signal.cancel() } }
            guard let service = try start(configuration, stop, log) else { return }
            if let path = try settings.string("port-file") {
                try writePort(service.address.port, to: path)
            }
            try service.run()
            log.info("stopped")
        }
    }

    private var flags: [String: [String]] {
        let given: [(String, String?)] = [
            ("namenode", namenode), ("secret-file", secretFile), ("listen", listen),
            ("advertise", advertise), ("location", location), ("port-file", portFile),
            ("progress-timeout-ms", progressTimeoutMs), ("idle-timeout-ms", idleTimeoutMs),
            ("payload-buffers", payloadBuffers), ("packet-bytes", packetBytes),
            ("recycle-bytes", recycleBytes), ("preallocate", preallocate),
            ("preallocate-block", preallocateBlock), ("zero-copy", zeroCopy),
            ("connections", connections), ("write-streams", writeStreams),
            ("read-streams", readStreams),
        ]
        return Dictionary(uniqueKeysWithValues: given.map { ($0, $1.map { [$0] } ?? []) })
    }

    /// `nil` when a signal came before it served.
    private func start(
        _ configuration: DatanodeService.Configuration, _ stop: StopSignal, _ log: Logger
    ) throws -> DatanodeService? {
        do throws(StartFailure) {
            return try DatanodeService(configuration, stop, log)
        } catch {
            guard error.cause == .stopped else { throw error }
            return nil
        }
    }

    private func stopOnSignals(_ stop: StopSignal, _ log: Logger) -> [any DispatchSourceSignal] {
        [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                log.info("stopping", metadata: ["signal": "\(number)"])
                stop.set()
            }
            source.activate()
            return source
        }
    }

    /// Whole or not there, for a script that waits for the file.
    private func writePort(_ port: UInt16, to path: String) throws {
        let text = Array("\(port)\n".utf8)
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw ToolFailure(.io, "cannot write \(temporary): \(errorText(errno))")
        }
        defer { close(file) }
        guard write(file, text, text.count) == text.count, rename(temporary, path) == 0 else {
            throw ToolFailure(.io, "cannot write \(path): \(errorText(errno))")
        }
    }
}

extension StartFailure: Presentable {
    public var sentence: String { description }

    public var kind: FailureKind {
        switch cause {
        case .configuration: .configuration
        case .directory: .io
        case .taken: .retryLater
        case .system, .stopped: .unavailable
        }
    }
}
