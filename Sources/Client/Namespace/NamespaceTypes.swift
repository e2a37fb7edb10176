import Wire

/// The right to write one key, as CREATE gave it.
public struct Lease: Hashable, Sendable {
    public let id: LeaseID
    public let key: String
    /// How long it holds from the answer that gave it, in milliseconds.
    public let milliseconds: UInt64
    /// What the value's blocks may be; `nil` in a lease that was renewed.
    public let bounds: ValueBounds?

    public init(id: LeaseID, key: String, milliseconds: UInt64, bounds: ValueBounds? = nil) {
        self.id = id
        self.key = key
        self.milliseconds = milliseconds
        self.bounds = bounds
    }
}

/// Bounds of one value, as its namenode has them.
public struct ValueBounds: Hashable, Sendable {
    /// The longest block of a writer that does not ask for another length.
    public let blockBytes: UInt64
    /// The longest that it may ask for.
    public let longestBlock: UInt64
    public let mostBlocks: Int

    public init(blockBytes: UInt64, longestBlock: UInt64, mostBlocks: Int) {
        self.blockBytes = blockBytes
        self.longestBlock = longestBlock
        self.mostBlocks = mostBlocks
    }
}

/// Where the next block goes.
public struct BlockPlan: Equatable, Sendable {
    public let block: BlockID
    public let epoch: Epoch
    /// The longest the block may become.
    public let maxLength: UInt64
    /// The chain, head first, and the token over it: the payload of `write`.
    public let credentials: Credentials
    /// By which the head of the chain proves itself.
    public let key: StreamKey

    public init(
        block: BlockID, epoch: Epoch, maxLength: UInt64, credentials: Credentials, key: StreamKey
    ) {
        self.block = block
        self.epoch = epoch
        self.maxLength = maxLength
        self.credentials = credentials
        self.key = key
    }

    /// How the write is begun at the head.
    public var opening: StreamOpening { StreamOpening(credentials, key: key) }
}

/// One replica, as the namenode knows it.
public struct Replica: Hashable, Sendable {
    public let node: ChainNode
    /// `/az/pod/rack/node/device`, or empty.
    public let location: String

    public init(node: ChainNode, location: String) {
        self.node = node
        self.location = location
    }
}

/// One block of a value.
public struct ValueBlock: Equatable, Sendable {
    public let block: BlockID
    public let epoch: Epoch
    /// Of the block's first byte in the value.
    public let offset: UInt64
    public let length: UInt64
    /// CRC32C of the block.
    public let checksum: UInt32
    /// OPEN: nearest to the reader first. INFO: the chain, head first. Empty when nobody holds it
    /// now.
    public let replicas: [Replica]
    /// OPEN: a node of the chain has yet to say whether it holds the block.
    public let isIncomplete: Bool
    /// OPEN: the payload of `read`, over the replicas in this order; `nil` without replicas.
    public let credentials: Credentials?
    /// OPEN: by which a replica proves itself.
    public let key: StreamKey?

    public init(
        block: BlockID, epoch: Epoch, offset: UInt64, length: UInt64, checksum: UInt32,
        replicas: [Replica], isIncomplete: Bool = false, credentials: Credentials?, key: StreamKey?
    ) {
        self.block = block
        self.epoch = epoch
        self.offset = offset
        self.length = length
        self.checksum = checksum
        self.replicas = replicas
        self.isIncomplete = isIncomplete
        self.credentials = credentials
        self.key = key
    }

    /// How a read is begun at a replica, by its place in the list; `nil` without a token for it.
    public func opening(at place: Int) -> StreamOpening? {
        let node = replicas[place].node.node
        guard let credentials, let key,
            let position = credentials.chain.nodes.firstIndex(where: { $0.node == node })
        else { return nil }
        return StreamOpening(credentials, key: key, place: position)
    }
}

/// What OPEN says: the blocks that cover the range asked for.
public struct OpenValue: Equatable, Sendable {
    /// Names the value: when the next OPEN of the same key gives another number, the key was
    /// replaced.
    public let value: UInt64
    public let key: String
    /// Of the whole value.
    public let length: UInt64
    public let blocks: [ValueBlock]

    package init(value: UInt64, key: String, length: UInt64, blocks: [ValueBlock]) {
        self.value = value
        self.key = key
        self.length = length
        self.blocks = blocks
    }
}

/// What INFO says.
public struct KeyInfo: Equatable, Sendable {
    public let key: String
    /// `false`: nothing is committed yet, somebody is writing the first value.
    public let exists: Bool
    public let length: UInt64
    /// Milliseconds since 1970, for people.
    public let created: Int64
    public let blocks: [ValueBlock]
    /// The value being written beside the committed one, if any.
    public let open: OpenState?

    public struct OpenState: Equatable, Sendable {
        /// As datanodes last reported it.
        public let length: UInt64
        public let blocks: Int
        public let leaseMilliseconds: UInt64
    }
}

/// One line of a listing.
public struct ListEntry: Equatable, Sendable {
    /// The key, or the common prefix up to and with the delimiter.
    public let key: String
    public let isPrefix: Bool
    public let length: UInt64
    /// Milliseconds since 1970, for people.
    public let created: Int64
}

public struct ListPage: Equatable, Sendable {
    public let entries: [ListEntry]
    /// Where the next page starts; `nil` when this was the last one.
    public let next: String?
}

/// How long CLOSE waits.
public enum CloseDurability: String, Sendable, CaseIterable {
    case durable, written, none

    package var code: ControlClose.Durability {
        switch self {
        case .durable: .durable
        case .written: .written
        case .none: .none
        }
    }
}

/// A receipt as the head of a chain signed it, to be shown at CLOSE.
public struct SignedReceipt: Equatable, Sendable {
    public let receipt: Receipt
    public let signature: [UInt8]

    public init(receipt: Receipt, signature: [UInt8]) {
        self.receipt = receipt
        self.signature = signature
    }
}
