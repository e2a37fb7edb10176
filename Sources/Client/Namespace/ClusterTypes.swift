import Metrics
import Wire

/// What STATUS says: one screen about the whole cluster.
public struct ClusterSummary: Equatable, Sendable {
    public let cluster: ClusterID
    public let live: Int
    public let stale: Int
    public let dead: Int
    /// Known to the namespace, not heard from since the namenode's start, and not dead yet.
    public let awaited: Int
    /// Client traffic is refused below this many live nodes.
    public let needed: Int
    public let capacity: UInt64
    public let used: UInt64
    public let keys: UInt64
    public let blocks: UInt64
    public let leases: UInt64
    public let underReplicated: UInt64
    public let missing: UInt64
    /// Without a known copy, while `reportsIncomplete` datanodes may have one.
    public let awaitedBlocks: UInt64
    public let reportsIncomplete: Int
    /// Copies that their nodes have found corrupt.
    public let corruptReplicas: UInt64
    /// Blocks on datanodes that the namespace does not know.
    public let strays: UInt64
    /// Live datanodes that have named all they hold: new blocks wait for as many as are needed.
    public let reportsComplete: Int
    /// There: the namespace is an older one than its datanodes have heard of, or hold blocks of.
    public let behind: NamespaceBehind?
    public let uptimeMilliseconds: UInt64
    /// Copies of a block unless a client asks otherwise.
    public let replicas: Int
    /// The longest a block may be.
    public let blockBytes: UInt64

    public init(_ message: ControlClusterStatusReply) {
        cluster = ClusterID(bytes: message.clusterID) ?? .none
        live = Int(message.live)
        stale = Int(message.stale)
        dead = Int(message.dead)
        awaited = Int(message.awaited)
        needed = Int(message.needed)
        capacity = message.capacityBytes
        used = message.usedBytes
        keys = message.keys
        blocks = message.blocks
        leases = message.leases
        underReplicated = message.underReplicatedBlocks
        missing = message.missingBlocks
        awaitedBlocks = message.awaitedBlocks
        reportsIncomplete = Int(message.reportsIncomplete)
        corruptReplicas = message.corruptReplicas
        strays = message.strayBlocks
        reportsComplete = Int(message.reportsComplete)
        behind = message.hasBehind ? NamespaceBehind(message.behind) : nil
        uptimeMilliseconds = message.uptimeMs
        replicas = Int(message.replicas)
        blockBytes = message.blockBytes
    }
}

/// What one datanode knows of a later state of the namespace.
public struct NamespaceBehind: Equatable, Sendable {
    public let node: NodeID
    /// The commit it has heard of, and the namespace's own; 0 when a block says it.
    public let commit: UInt64
    public let ownCommit: UInt64
    /// The highest block that was never given, and the next to be given; 0 when a commit says it.
    public let block: BlockID
    public let ownBlock: BlockID

    public init(_ message: ControlNamespaceBehind) {
        node = NodeID(bytes: message.nodeID) ?? .none
        commit = message.commit
        ownCommit = message.ownCommit
        block = BlockID(message.block)
        ownBlock = BlockID(message.ownBlock)
    }

    /// For the operator.
    public var sentence: String {
        let what =
            block == BlockID(0)
            ? "datanode \(node) has heard of its commit \(commit), and it was at \(ownCommit)"
            : "datanode \(node) holds block \(block), and the next to be given was \(ownBlock)"
        return "this namespace is OLDER than its datanodes, or one that is older ran meanwhile: "
            + "\(what). Nothing is deleted. Stop the namenode; when there is a newer namespace, "
            + "start that one; when this is the newest, 'catena-namenode accept --dir DIR' and "
            + "start it again"
    }
}

/// What REPORT says: every datanode, and the cluster in a few numbers.
public struct ClusterReport: Equatable, Sendable {
    public let status: ClusterSummary
    public private(set) var nodes: [NodeSummary]
    /// What the namenode counts; empty unless it was asked for.
    package let metrics: [MetricSample]

    init(_ message: ControlReportReply) {
        status = ClusterSummary(message.status)
        nodes = message.nodes.map(NodeSummary.init)
        metrics = samples(message.metrics)
    }

    /// What a further answer says of a node that this one has.
    mutating func take(_ node: NodeSummary) {
        guard let place = nodes.firstIndex(where: { $0.node == node.node }) else { return }
        nodes[place] = node
    }
}

/// One datanode as REPORT tells it.
public struct NodeSummary: Equatable, Sendable {
    public let node: NodeID
    /// `HOST:PORT`; empty for a node that has not registered since the namenode started.
    public let address: String
    public let location: String
    /// `live`, `stale`, `dead` or `awaited`.
    public let state: String
    public let lastContactMilliseconds: UInt64
    public let blocks: UInt64
    public let openStreams: Int
    public let software: String
    /// Whether the node has named every block it holds since it registered.
    public let reportComplete: Bool
    public let devices: [DeviceSummary]
    /// Copies of this node that are corrupt, copies of an epoch that is over, blocks it holds that
    /// the namespace does not know, and reports of another length, checksum or epoch than the
    /// namespace has.
    public let corrupt: UInt64
    public let stale: UInt64
    public let strays: UInt64
    public let mismatches: UInt64
    /// A client says that it does not answer.
    public let isSuspected: Bool
    /// What it counts, as its last heartbeat said; `nil` when the answer had no room for it.
    package let metrics: [MetricSample]?

    init(_ message: ControlNodeReport) {
        node = NodeID(bytes: message.node.nodeID) ?? .none
        address = message.node.host.isEmpty ? "" : hostAndPort(message.node)
        location = message.node.location
        state = message.state
        lastContactMilliseconds = message.lastContactMs
        blocks = message.blocks
        openStreams = Int(message.openStreams)
        software = message.software
        reportComplete = message.reportComplete
        devices = message.devices.map(DeviceSummary.init)
        corrupt = message.corrupt
        stale = message.stale
        strays = message.strays
        mismatches = message.mismatches
        isSuspected = message.suspected
        metrics = message.metricsLeftOut ? nil : samples(message.metrics)
    }
}

public struct DeviceSummary: Equatable, Sendable {
    public let device: DeviceID
    public let path: String
    public let location: String
    public let capacity: UInt64
    public let used: UInt64
    public let free: UInt64
    public let failed: Bool

    public init(_ message: ControlDevice) {
        device = DeviceID(bytes: message.deviceID) ?? .none
        path = message.path
        location = message.location
        capacity = message.capacityBytes
        used = message.usedBytes
        free = message.freeBytes
        failed = message.failed
    }
}
