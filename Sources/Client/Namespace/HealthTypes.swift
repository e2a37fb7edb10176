import Wire

/// How far the scrub of one device has come.
public struct DeviceScrub: Equatable, Sendable {
    public let device: DeviceID
    /// Of its directory on the node, or empty.
    public let path: String
    /// Passes over the whole device that are complete.
    public let passes: UInt64
    public let passBlocks: UInt64
    /// Of those, how many this pass has met.
    public let passDone: UInt64
    public let passBytes: UInt64
    /// Since the datanode started.
    public let blocks: UInt64
    public let bytes: UInt64
    public let bad: UInt64
    /// Blocks that somebody waits for.
    public let asked: UInt64

    init(_ message: ControlDeviceScrub, path: String) {
        device = DeviceID(bytes: message.deviceID) ?? .none
        self.path = path
        passes = message.pass
        passBlocks = message.passBlocks
        passDone = message.passDone
        passBytes = message.passBytes
        blocks = message.blocks
        bytes = message.bytes
        bad = message.bad
        asked = message.asked
    }
}

/// The scrub of one datanode.
public struct NodeScrub: Equatable, Sendable {
    public let node: NodeID
    public let address: String
    /// `live`, `stale` or `dead`.
    public let state: String
    /// Blocks the node has yet to be told of, and whether that is all it has.
    public let waiting: UInt64
    public let isAllWaiting: Bool
    /// Copies of this node that are corrupt.
    public let corrupt: UInt64
    public let devices: [DeviceScrub]

    init(_ message: ControlNodeScrub) {
        node = NodeID(bytes: message.node.nodeID) ?? .none
        address = hostAndPort(message.node)
        state = message.state
        waiting = message.waiting
        isAllWaiting = message.waitingAll
        corrupt = message.corrupt
        devices = message.devices.enumerated().map { place, device in
            DeviceScrub(device, path: place < message.paths.count ? message.paths[place] : "")
        }
    }
}

/// How well one value is kept.
public struct KeyHealth: Equatable, Sendable {
    public let key: String
    public let length: UInt64
    public internal(set) var blocks: Int
    /// Blocks with fewer good copies than wanted, but at least one.
    public internal(set) var underReplicated: Int
    /// Blocks of which nodes that have yet to name what they hold may have all that lacks.
    public internal(set) var awaited: Int
    /// Blocks without a good copy, of which a corrupt one is left; and those without any.
    public internal(set) var corrupt: Int
    public internal(set) var missing: Int
    public internal(set) var wantedReplicas: Int
    public internal(set) var liveReplicas: Int
    public internal(set) var corruptReplicas: Int
    /// Of an epoch that is over.
    public internal(set) var staleReplicas: Int
    /// When they were asked for.
    public internal(set) var detail: [BlockState]

    /// One block and, when asked for, its copies.
    public struct BlockState: Equatable, Sendable {
        public let block: BlockID
        public let epoch: Epoch
        public let offset: UInt64
        public let length: UInt64
        public let wanted: Int
        public let live: Int
        public let corrupt: Int
        public let stale: Int
        public let replicas: [ReplicaState]
    }

    public struct ReplicaState: Equatable, Sendable {
        public let node: NodeID
        /// Empty for a node that has not registered since the namenode started.
        public let address: String
        public let location: String
        /// `live`, `corrupt`, `stale`, `missing`, `dead` or `unreported`.
        public let state: String
    }

    init(_ message: ControlFsckKey) {
        key = message.key
        length = message.length
        blocks = Int(message.blocks)
        underReplicated = Int(message.underReplicated)
        awaited = Int(message.awaited)
        corrupt = Int(message.corrupt)
        missing = Int(message.missing)
        wantedReplicas = Int(message.wantedReplicas)
        liveReplicas = Int(message.liveReplicas)
        corruptReplicas = Int(message.corruptReplicas)
        staleReplicas = Int(message.staleReplicas)
        detail = message.detail.map(Self.block)
    }

    private static func block(_ message: ControlFsckBlock) -> BlockState {
        BlockState(
            block: BlockID(message.block), epoch: Epoch(message.epoch), offset: message.offset,
            length: message.length, wanted: Int(message.wanted), live: Int(message.live),
            corrupt: Int(message.corrupt), stale: Int(message.stale),
            replicas: message.replicas.map { copy in
                ReplicaState(
                    node: NodeID(bytes: copy.node.nodeID) ?? .none,
                    address: copy.node.host.isEmpty ? "" : hostAndPort(copy.node),
                    location: copy.node.location, state: "\(name(copy.state))")
            })
    }

    private static func name(_ state: ControlFsckReplica.State) -> String {
        switch state {
        case .live: "live"
        case .corrupt: "corrupt"
        case .stale: "stale"
        case .missing: "missing"
        case .dead: "dead"
        case .unreported: "unreported"
        case .UNRECOGNIZED: "unknown"
        }
    }

    /// Adds what the next page says of the same value.
    mutating func add(_ more: KeyHealth) {
        blocks += more.blocks
        underReplicated += more.underReplicated
        awaited += more.awaited
        corrupt += more.corrupt
        missing += more.missing
        wantedReplicas += more.wantedReplicas
        liveReplicas += more.liveReplicas
        corruptReplicas += more.corruptReplicas
        staleReplicas += more.staleReplicas
        detail += more.detail
    }
}

/// A block on a datanode that the namespace does not know.
public struct StrayBlock: Equatable, Sendable {
    public let node: NodeID
    public let address: String
    public let block: BlockID
    public let epoch: Epoch
    public let length: UInt64
    public let device: DeviceID
    /// Its file on the node.
    public let path: String
    public let seenMilliseconds: UInt64
    /// Its number is one that this namespace has never given: it is never deleted.
    public let isForeign: Bool
    public let isDeleting: Bool

    init(_ message: ControlStray) {
        node = NodeID(bytes: message.node.nodeID) ?? .none
        address = hostAndPort(message.node)
        block = BlockID(message.block)
        epoch = Epoch(message.epoch)
        length = message.length
        device = DeviceID(bytes: message.deviceID) ?? .none
        path = message.path
        seenMilliseconds = message.seenMs
        isForeign = message.foreign
        isDeleting = message.deleting
    }
}

public struct StrayList: Equatable, Sendable {
    /// As many as the namenode remembers and one answer holds.
    public let strays: [StrayBlock]
    public let total: UInt64
    public let deleting: UInt64
    /// Asked to be deleted, and kept: too young, or foreign.
    public let kept: UInt64
}

func hostAndPort(_ node: ControlNode) -> String {
    node.host.contains(":") ? "[\(node.host)]:\(node.port)" : "\(node.host):\(node.port)"
}
