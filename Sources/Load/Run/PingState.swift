import Client
import FoundationEssentials
import Reactor

/// The one stream of `ping`: frames of one open block, each timed until the chain acked it.
struct PingState {
    /// A frame that the engine would take.
    struct Grant {
        let buffer: BufferIndex
        let count: Int
        let offset: UInt64
    }

    struct Flight {
        /// One past its last byte, in the block.
        let end: UInt64
        let bytes: UInt64
        let intended: UInt64
    }

    static let object = UInt64.max

    var lease = Data()
    /// When to renew it, and how long it is left alone, nanoseconds.
    var renewAt = UInt64.max
    var renewPause: UInt64 = 0
    var write: WriteID?
    var grant: Grant?
    var failure: StreamFailure?
    var flights: [Flight] = []
    /// Bytes of the blocks before.
    var base: UInt64 = 0
}
