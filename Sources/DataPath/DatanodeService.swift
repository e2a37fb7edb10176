import ControlClient
import Foundation
import Logging
import Reactor
import System
import Wire

/// One datanode process: directories, reactor thread and agent, from start to a clean end.
public final class DatanodeService: Sendable {
    public struct Configuration: Sendable {
        public var namenode: Endpoint
        public var secret: [UInt8]
        public var directories: [String]
        /// A numeric address; port 0 takes any free one.
        public var listen: SocketAddress
        /// What others are told to connect to; `nil`: the address listened on.
        public var advertise: String?
        /// `/az/pod/rack/node/device`, or empty for the namenode's map.
        public var location = ""
        public var settings = DatanodeSettings()
        public var host = HostSettings()
        /// For tests with real processes alone.
        public var faults = FaultList.none
        public var software = "catena-datanode"
        /// How long the first contact with the namenode is tried for, milliseconds.
        public var startMilliseconds: Int64 = 30_000

        public init(
            namenode: Endpoint, secret: [UInt8], directories: [String], listen: SocketAddress
        ) {
            self.namenode = namenode
            self.secret = secret
            self.directories = directories
            self.listen = listen
        }
    }

    public let address: SocketAddress
    public let node: NodeID
    public let cluster: ClusterID
    private let agent: Agent
    private let host: ReactorHost
    private let stopSignal: StopSignal
    private let spares: SpareSupply

    /// Opens the directories, meets the namenode, reads what blocks there are, and starts to serve.
    /// - Throws: `StartFailure` with a sentence for the operator; its cause is `stopped` when
    ///   `stop` came first.
    public init(
        _ configuration: Configuration, _ stop: StopSignal, _ log: Logger
    ) throws(StartFailure) {
        let settings = configuration.settings
        precondition(
            !settings.isDeviceNull && !settings.isForwardNull,
            "a node of a cluster keeps and forwards what it acks")
        try ReactorHost.check(settings.budget)
        try configuration.faults.check()
        let directories = try DataDirectory.openAll(configuration.directories)
        let cluster = try Self.meet(configuration, stop, log)
        for directory in directories { try directory.check(cluster) }
        let scan = try Self.scan(directories, cluster, log)
        let kept = scan.scrubbed
        let outbox = Outbox(
            reactors: configuration.host.reactors, kept: kept.map(\.corrupt))
        let listener = try ReactorHost.listen(on: configuration.listen, configuration.settings)
        address = listener.address
        node = directories[0].node
        self.cluster = cluster
        host = try ReactorHost(
            ReactorHost.Plan(
                settings: settings, host: configuration.host,
                identity: Identity(cluster: cluster, node: node), directories: directories,
                index: scan.index, observer: outbox,
                mail: [.scrubFrom(ScrubFile.cursors(kept))],
                faults: configuration.faults.faults),
            listener, log)
        stopSignal = stop
        spares = SpareSupply(directories, scan, settings, host, stop, log)
        let name = configuration.advertise ?? address.host
        agent = Agent(
            Agent.Identity(
                namenode: configuration.namenode, cluster: cluster, node: node,
                incarnation: .random(), secret: configuration.secret, host: name,
                port: address.port, location: configuration.location,
                software: configuration.software, blocks: scan.index.records.count),
            directories, outbox, host, kept, stop, log)
    }

    /// Talks with the namenode until the stop signal, then ends what is open.
    /// - Throws: `StartFailure` when the namenode refuses this node for good.
    public func run() throws(StartFailure) {
        let end = agent.run()
        stopSignal.set()
        spares.join()
        host.stop()
        switch end {
        case .stopped: break
        case .refused(let reason):
            throw StartFailure(.configuration, "the namenode refuses this node: \(reason)")
        case .failed(let failure): throw failure
        }
    }

    /// Files that are named in the log one by one; the rest are counted.
    private static let mostNamed = 1_000

    private static func scan(
        _ directories: [DataDirectory], _ cluster: ClusterID, _ log: Logger
    ) throws(StartFailure) -> BlockScan {
        let scan = try BlockScan(directories.map(\.folders), cluster: cluster) { progress in
            log.info(
                "reading block files",
                metadata: [
                    "path": "\(progress.path)", "files": "\(progress.files)",
                    "of": "\(progress.total)",
                ])
        }
        for notice in directories.flatMap(\.notices) {
            log.warning("a directory is not private", metadata: ["reason": "\(notice)"])
        }
        for stray in scan.strays.prefix(mostNamed) {
            log.warning("left alone", metadata: ["file": "\(stray)"])
        }
        for notice in scan.notices.prefix(mostNamed) {
            log.warning("a block file is not as it was written", metadata: ["file": "\(notice)"])
        }
        let unnamed = max(0, scan.strays.count - mostNamed) + max(0, scan.notices.count - mostNamed)
        if unnamed > 0 { log.warning("more files like these", metadata: ["count": "\(unnamed)"]) }
        return scan
    }

    /// Learns the cluster's id, and refuses another's directory before anything is served.
    private static func meet(
        _ configuration: Configuration, _ stop: StopSignal, _ log: Logger
    ) throws(StartFailure) -> ClusterID {
        var settings = ControlConnection.Settings(role: .datanode, software: configuration.software)
        settings.connectMilliseconds = 2_000
        settings.callMilliseconds = 2_000
        let end = MonotonicClock.milliseconds + configuration.startMilliseconds
        var hasWarned = false
        while true {
            do throws(ControlFailure) {
                return try ControlConnection(configuration.namenode, settings).cluster
            } catch {
                guard !stop.wasSet else { throw StartFailure(.stopped, "stopped before it served") }
                guard MonotonicClock.milliseconds < end else {
                    throw StartFailure(.system, "\(error)")
                }
                if !hasWarned {
                    log.warning("waiting for the namenode", metadata: ["reason": "\(error)"])
                }
                hasWarned = true
                usleep(200_000)
            }
        }
    }
}
