import Wire

/// What a block file is found to be after a restart.
package enum BlockFinding: Equatable, Sendable {
    case sealed(BlockHeader)
    /// Was open when the node stopped. The first `length` bytes are known to be durable (0: nothing
    /// is known); `header` is the copy that describes them.
    case prefix(BlockHeader, length: UInt64)
    /// Sealed or flushed once, and not whole any more; the sentence says where.
    case damaged(String)
    /// Of another cluster, device or block.
    case foreign(BlockHeader)
    /// No valid header copy.
    case unreadable(String)
}
