import Glibc
import Logging
import Reactor
import System
import Wire

/// A datanode of no cluster, for load generators that drive the data plane without a namenode: its
/// identity and its one signing key come from a `BenchCluster`, and its blocks are scratch.
public final class BenchService: Sendable {
    public struct Configuration: Sendable {
        public var secret: [UInt8]
        public var directories: [String]
        /// A numeric address; port 0 takes any free one.
        public var listen: SocketAddress
        /// What others are told to connect to; `nil`: the address listened on.
        public var advertise: String?
        public var settings = DatanodeSettings()
        public var host = HostSettings()
        /// Bytes of sealed blocks to keep: beyond them the oldest go. `nil` keeps all.
        public var keepBytes: UInt64?

        public init(secret: [UInt8], directories: [String], listen: SocketAddress) {
            self.secret = secret
            self.directories = directories
            self.listen = listen
        }
    }

    public let address: SocketAddress
    public let node: NodeID
    private let host: ReactorHost
    private let observer: BenchObserver
    private let spares: SpareSupply

    /// Takes the directories over, removes the blocks of earlier runs, and starts to serve.
    /// - Throws: `StartFailure` with a sentence for the operator, before anything is removed when a
    ///   directory is not a bench node's.
    public init(
        _ configuration: Configuration, _ stop: StopSignal, _ log: Logger
    ) throws(StartFailure) {
        var settings = configuration.settings
        settings.remembersDeleted = false
        try ReactorHost.check(settings.budget)
        try Self.checkNull(settings)
        let bench = BenchCluster(secret: configuration.secret)
        let directories = try DataDirectory.openAll(configuration.directories)
        for directory in directories { try Self.check(directory, bench.cluster) }
        let listener = try ReactorHost.listen(on: configuration.listen, configuration.settings)
        var removed = 0
        for directory in directories {
            try directory.bind(to: bench.cluster)
            removed += try directory.removeBlocks()
        }
        address = listener.address
        let name = configuration.advertise ?? address.host
        observer = BenchObserver(keepBytes: configuration.keepBytes)
        node = bench.node(host: name, port: address.port)
        host = try ReactorHost(
            ReactorHost.Plan(
                settings: settings, host: configuration.host,
                identity: Identity(cluster: bench.cluster, node: node),
                directories: directories, index: BlockIndex(),
                observer: observer,
                mail: [.keys(bench.keys(now: MonotonicClock.milliseconds))]),
            listener, log)
        spares = SpareSupply(
            directories, try BlockScan(directories.map(\.folders), cluster: bench.cluster),
            configuration.settings, host, stop, log)
        Self.warn(configuration.settings, log)
        log.info(
            "serving",
            metadata: [
                "node": "\(node)", "cluster": "\(bench.cluster)",
                "address": "\(name):\(address.port)", "directories": "\(directories.count)",
                "removed": "\(removed)",
            ])
    }

    /// Serves until the stop signal, then ends what is open.
    public func run(until stop: StopSignal) {
        while !stop.wasSet {
            while let block = observer.takeOldest() { delete(block) }
            usleep(50_000)
        }
        spares.join()
        host.stop()
    }

    private func delete(_ block: BlockID) {
        let deletion = Deletion(block: block, epoch: BenchCluster.epoch)
        while !host.post(.delete(deletion)) { usleep(1_000) }
    }

    private static func checkNull(_ settings: DatanodeSettings) throws(StartFailure) {
        guard settings.isDeviceNull else { return }
        do throws(RingFailure) {
            guard try RingProbe.answersNops() else {
                throw RingFailure(
                    errno: ENOSYS,
                    "--null-device needs Linux 6.10 (io_uring NOPs with a result): leave it out, "
                        + "or use a directory in memory (tmpfs)")
            }
        } catch {
            throw StartFailure(.system, error.description)
        }
    }

    /// Only an empty directory, or one of the same bench cluster: what is in it will be removed.
    private static func check(
        _ directory: DataDirectory, _ cluster: ClusterID
    ) throws(StartFailure) {
        let advice = "a bench node removes the blocks in its directory: give it one of its own"
        if let own = directory.cluster {
            guard own != cluster else { return }
            throw StartFailure(
                .configuration,
                "\(directory.path) belongs to cluster \(own), and this secret's bench cluster is "
                    + "\(cluster): \(advice)")
        }
        guard try directory.blockNames().isEmpty else {
            throw StartFailure(
                .configuration,
                "\(directory.path) holds blocks and does not say whose they are: \(advice)")
        }
    }

    private static func warn(_ settings: DatanodeSettings, _ log: Logger) {
        log.warning("a bench node: in no cluster, and its blocks are removed when it starts")
        if settings.isDeviceNull {
            log.warning("null device: nothing that is acked as written or durable is kept")
        }
        if settings.isForwardNull {
            log.warning("null forward: every chain ends here, whatever its length")
        }
    }
}
