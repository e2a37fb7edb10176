import Wire

public struct PutOptions: Sendable {
    public var overwrite = false
    /// The longest a block may become, at least 64 KiB; `nil` for what the namenode plans.
    public var blockBytes: UInt64?
    /// Payload bytes in one frame, at most 1 MiB.
    public var packetBytes = 512 << 10
    /// 0 for the namenode's default.
    public var replicas = 0
    public var durability = CloseDurability.durable
    /// Bytes after which the chain is asked to make the block durable while it is still being
    /// written; `nil`: only at its end, when `durability` says so.
    public var flushEvery: UInt64?
    /// Of the writer, as `/az/pod/rack/node`; may be empty.
    public var location = ""
    /// Called once the key's lease is taken, so that a program that is interrupted can give it
    /// back.
    public var leaseTaken: (@Sendable (Lease) -> Void)?
    /// Called when a put failed and its lease could not be given back, with the reason: the key is
    /// free only when the lease ends by itself.
    public var leaseKept: (@Sendable (Lease, ClientError) -> Void)?
    public init() {}

    func check() throws(ClientError) {
        guard (1...Limits.payloadBytes).contains(packetBytes) else {
            throw .badArgument("a packet has 1 to \(Limits.payloadBytes) bytes, not \(packetBytes)")
        }
        if let flushEvery, flushEvery == 0 {
            throw .badArgument("a flush comes after at least 1 byte")
        }
        if let blockBytes {
            guard blockBytes >= UInt64(Limits.blockBytes.lowerBound) else {
                throw .badArgument("a block has at least \(Limits.blockBytes.lowerBound) bytes")
            }
        }
    }
}

/// A value that was put.
public struct PutSummary: Sendable {
    public let length: UInt64
    /// CRC32C of the value.
    public let checksum: UInt32
    public let blocks: [(block: BlockID, length: UInt64, chain: [ChainNode])]
}
