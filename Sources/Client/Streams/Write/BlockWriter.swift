import Reactor
import System
import Transport
import Wire

/// A write, by its place in the engine's slab of them.
package typealias WriteIndex = Int32

/// Where an engine fetches a write's bytes itself.
package struct WriteSource: Sendable {
    package let descriptor: Int32
    /// Of the block's first byte, for a seekable source; `nil`: at the descriptor's own position,
    /// in order.
    package let position: UInt64?

    package init(descriptor: Int32, position: UInt64?) {
        self.descriptor = descriptor
        self.position = position
    }
}

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
    package var source: WriteSource?
    /// Bytes that were peeked from the source and come first: a slot, and how many.
    package var peeked: (slot: BufferIndex, count: Int)?
    /// What `sealed` waits for.
    package var level = Level.written
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
}

/// One block on its way to a chain.
struct BlockWriter: ~Copyable {
    var request: WriteRequest
    var window: WriteWindow
    /// CRC32C of the frames in order, up to what was ever sent.
    var sum = PieceSum()
    var connection: ConnectionIndex = -1

    /// End of the last frame that was begun to be filled.
    var reserved: UInt64 = 0
    /// Frames being filled, by the ring or by the owner.
    var filling = 0
    /// Operations in flight that name this write.
    var pending = 0
    var fillToken = OperationToken.nobody
    /// Every byte of the block is in the window or beyond it.
    var isComplete = false
    var isSourceEnded = false

    var isOpenSent = false
    /// What the head has to show before anything it says is believed.
    var proof: ProofCheck?
    /// The first ack of this stream came.
    var isAnswered = false
    var isSealSent = false
    /// End of what is to become durable while the block stays open, and of what this stream has
    /// asked the chain for.
    var flushWanted: UInt64 = 0
    var flushSent: UInt64 = 0
    /// A deadline runs.
    var isWatched = false
    var isEnding = false

    // What the owner has yet to be told.
    var isTeller = false
    var wantsPayload = false
    var hasProgress = false
    var hasFilled = false
    var seal: BlockSeal?
    var failure: StreamFailure?
    /// The write stopped and waits for `resume`, `move` or `end`.
    var isStopped = false

    init(_ request: WriteRequest, windowFrames: Int) {
        self.request = request
        window = WriteWindow(capacity: windowFrames, level: request.releaseLevel)
    }
}
