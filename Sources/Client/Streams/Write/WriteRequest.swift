import Reactor
import System
import Wire

/// What an owner says of a block it wants written.
package struct WriteRequest {
    package var block: BlockID
    package var epoch: Epoch
    package var opening: StreamOpening
    /// The head of the chain.
    package var address: SocketAddress
    /// The block ends here at the latest.
    package var maxBytes: UInt64
    /// The block's length when it is known: exactly that many bytes are taken from the source.
    package var length: UInt64?
    /// `nil`: the owner answers `wantsPayload`.
    package var source: PayloadFile?
    /// Bytes that were peeked from the source and come first: a buffer, and how many.
    package var peeked: (buffer: BufferIndex, count: Int)?
    /// What `sealed` waits for: the level that the seal asks of the chain.
    package var sealLevel = Level.written
    /// The chain is asked to make the block durable whenever so many more bytes are sent; `nil`:
    /// only when `flush` says so.
    package var flushEvery: UInt64?
    /// Acks of this level give buffers back.
    package var releaseLevel = Level.written

    package init(
        block: BlockID, epoch: Epoch, opening: StreamOpening, address: SocketAddress,
        maxBytes: UInt64
    ) {
        self.block = block
        self.epoch = epoch
        self.opening = opening
        self.address = address
        self.maxBytes = maxBytes
    }

    /// Bytes the block may have, or will have when that is known.
    package var bound: UInt64 { min(length ?? maxBytes, maxBytes) }

    /// A frame's header, about its block.
    @inline(__always)
    func header(_ operation: FrameOperation) -> FrameHeader {
        var header = FrameHeader(operation)
        header.block = block
        header.epoch = epoch
        return header
    }

    /// Whether the receipt is the one that was asked for, of a block with this sum.
    func isMet(by receipt: Receipt, _ sum: PieceSum) -> Bool {
        receipt.block == block && receipt.epoch == epoch && receipt.length == sum.length
            && receipt.checksum == sum.checksum && receipt.level >= sealLevel
            && Int(receipt.position) == opening.place
    }
}
