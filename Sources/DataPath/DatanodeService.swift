import ControlClient
import Foundation
import Logging
import Reactor
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
    private let stopSignal: StopSignal
    private let mail: Mailbox<Mail>
    private let reactorThread: ReactorThread
    private let spareThread: ReactorThread

    /// Opens the directories, meets the namenode, reads what blocks there are, and starts to serve.
    /// - Throws: `StartFailure` with a sentence for the operator; its cause is `stopped` when
    ///   `stop` came first.
    public init(
        _ configuration: Configuration, _ stop: StopSignal, _ log: Logger
    ) throws(StartFailure) {
        do throws(BudgetFailure) {
            try configuration.settings.budget.check()
        } catch {
            throw StartFailure(.configuration, error.description)
        }
        let directories = try Self.openDirectories(configuration.directories)
        let cluster = try Self.meet(configuration, stop, log)
        for directory in directories { try directory.check(cluster) }
        let scan = BlockScan(directories, cluster: cluster)
        for stray in scan.strays { log.warning("left alone", metadata: ["file": "\(stray)"]) }
        let outbox = Outbox()
        let identity = Identity(cluster: cluster, node: directories[0].node)
        let started = try Self.startReactor(configuration, identity, directories, scan, outbox)
        stopSignal = stop
        address = started.address
        mail = started.mail
        reactorThread = started.thread
        spareThread = Self.offerSpares(
            scan, directories, configuration.settings, started.mail, stop, log)
        node = identity.node
        self.cluster = cluster
        let host = configuration.advertise ?? started.address.host
        agent = Agent(
            Agent.Identity(
                namenode: configuration.namenode, cluster: cluster, node: identity.node,
                incarnation: .random(), secret: configuration.secret, host: host,
                port: started.address.port, location: configuration.location,
                software: configuration.software),
            directories, outbox, mail, stop, log)
        log.info(
            "serving",
            metadata: [
                "node": "\(identity.node)", "cluster": "\(cluster)",
                "address": "\(host):\(address.port)",
                "blocks": "\(scan.index.records.count)", "directories": "\(directories.count)",
            ])
    }

    /// Talks with the namenode until the stop signal, then ends what is open.
    /// - Throws: `StartFailure` when the namenode refuses this node for good.
    public func run() throws(StartFailure) {
        let end = agent.run()
        stopSignal.set()
        while mail.post(.stop) == .busy { usleep(1_000) }
        reactorThread.join()
        spareThread.join()
        switch end {
        case .stopped: break
        case .refused(let reason):
            throw StartFailure(.configuration, "the namenode refuses this node: \(reason)")
        case .failed(let failure): throw failure
        }
    }

    private static func openDirectories(_ paths: [String]) throws(StartFailure) -> [DataDirectory] {
        guard !paths.isEmpty else {
            throw StartFailure(
                .configuration, "a datanode needs at least one data directory (--dir)")
        }
        var directories: [DataDirectory] = []
        for path in paths {
            directories.append(try DataDirectory.open(path, node: directories.first?.node))
        }
        return directories
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

    /// Gives the reactor the spare files that are there, and then those that are written for it.
    private static func offerSpares(
        _ scan: BlockScan, _ directories: [DataDirectory], _ settings: DatanodeSettings,
        _ mail: Mailbox<Mail>, _ stop: StopSignal, _ log: Logger
    ) -> ReactorThread {
        ReactorThread("catena-spares") {
            for (device, directory) in directories.enumerated() {
                let writer = SpareWriter(directory: directory, stop: stop)
                writer.clear()
                let offer = { (spares: [RecycledFiles.File]) -> Bool in
                    while true {
                        switch mail.post(.spares(device: device, spares)) {
                        case .taken: return true
                        case .busy: usleep(10_000)
                        case .closed: return false
                        }
                    }
                }
                do throws(StartFailure) {
                    guard offer(scan.spares[device]) else { return }
                    try writer.fill(
                        scan.spares[device], wanted: settings.preallocateBytes,
                        blockBytes: settings.preallocateBlock
                    ) { offer([$0]) }
                } catch {
                    log.warning("no more files are preallocated", metadata: ["reason": "\(error)"])
                }
            }
        }
    }

    private struct Started: Sendable {
        let address: SocketAddress
        let mail: Mailbox<Mail>
        let thread: ReactorThread
    }

    /// Makes ring and datanode on their own thread and waits until they serve.
    private static func startReactor(
        _ configuration: Configuration, _ identity: Identity, _ directories: [DataDirectory],
        _ scan: BlockScan, _ outbox: Outbox
    ) throws(StartFailure) -> Started {
        let result = Rendezvous<Result<(SocketAddress, Mailbox<Mail>), RingFailure>>()
        let devices = zip(directories, scan.usedBytes).map {
            $0.device(
                usedBytes: $1, recycleBytes: configuration.settings.recycleBytes)
        }
        let thread = ReactorThread("catena-reactor") {
            do throws(RingFailure) {
                var ring = KernelRing.Settings()
                ring.files = UInt32(
                    configuration.settings.budget.connections
                        + configuration.settings.budget.writeStreams
                        + configuration.settings.budget.readStreams)
                // A zero-copy send completes twice.
                ring.completions = UInt32(
                    min(
                        (configuration.settings.budget.operations
                            + configuration.settings.budget.payloadBuffers).nextPowerOfTwo,
                        Int(KernelRing.Settings.mostCompletions)))
                var datanode = try Datanode(
                    ring: KernelRing(ring), listen: configuration.listen, identity: identity,
                    settings: configuration.settings, devices: devices, index: scan.index,
                    observer: outbox)
                result.fulfil(.success((datanode.address, datanode.mail)))
                datanode.serve()
            } catch {
                result.fulfil(.failure(error))
            }
        }
        switch result.wait() {
        case .success(let (address, mail)):
            return Started(address: address, mail: mail, thread: thread)
        case .failure(let failure):
            thread.join()
            throw StartFailure(
                failure.errno == EADDRINUSE ? .taken : .system, failure.description)
        }
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}
