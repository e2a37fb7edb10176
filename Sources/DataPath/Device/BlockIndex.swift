import Wire

/// What this node knows of its blocks: identity, state and place, not bytes.
public struct BlockRecord: Equatable, Sendable {
    public enum State: UInt8, Sendable {
        case open
        case sealed
        /// Was open when the node stopped, or given up: of its bytes `length` are known to be
        /// durable.
        case mayBeLost
        /// Its device is out of service.
        case lost
        /// Deleted on the namenode's word.
        case gone
        /// What the device gives is not what was written: kept, and never served.
        case corrupt
    }

    public var epoch: Epoch
    public var length: UInt64
    public var checksum: UInt32
    public var state: State
    /// It was there when the node started. What a power cut left of its bytes nobody has looked at.
    public var isFound: Bool
    public var device: Int
    /// Of the namespace that made the block.
    public var incarnation: NamespaceIncarnation

    public init(
        epoch: Epoch, length: UInt64, checksum: UInt32, state: State, isFound: Bool = false,
        device: Int, incarnation: NamespaceIncarnation = .unknown
    ) {
        self.epoch = epoch
        self.length = length
        self.checksum = checksum
        self.state = state
        self.isFound = isFound
        self.device = device
        self.incarnation = incarnation
    }

    /// Whether this copy is of the block that is to go.
    func isCovered(by deletion: Deletion) -> Bool {
        deletion.covers(
            epoch: epoch, incarnation: incarnation,
            content: state == .sealed
                ? Deletion.Content(length: length, checksum: checksum) : nil)
    }
}

/// Every block on this node's devices.
public struct BlockIndex: Sendable {
    public init() {}

    package private(set) var records: [BlockID: BlockRecord] = [:]

    public subscript(block: BlockID) -> BlockRecord? { records[block] }

    public mutating func set(_ block: BlockID, _ record: BlockRecord) { records[block] = record }
    mutating func remove(_ block: BlockID) { records[block] = nil }
}
