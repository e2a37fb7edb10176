import Wire

public struct GetOptions: Sendable {
    /// Of the reader, as `/az/pod/rack/node`; may be empty.
    public var location = ""
    public var offset: UInt64 = 0
    /// 0 for "to the end".
    public var length: UInt64 = 0
    public init() {}
}

/// A value, or a part of one, that was read.
public struct GetSummary: Sendable {
    public let length: UInt64
    /// CRC32C of the bytes that were asked for.
    public let checksum: UInt32
    /// How often a replica was asked, over all blocks.
    public let replicasTried: Int
    /// Replicas that could not be read from, in the order in which they were found out.
    public let faults: [ReplicaFault]
}

/// A replica that was passed over.
public struct ReplicaFault: Sendable, Equatable {
    public let node: NodeID
    public let block: BlockID
    /// It gave bytes that do not match their checksum, or said itself that they do not.
    public let isCorrupt: Bool
    public let reason: String
}
