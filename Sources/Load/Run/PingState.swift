import Client

/// The one stream of `ping`: frames of one open block, each timed until the chain acked it.
struct PingState {
    /// A frame that the engine would take.
    struct Grant {
        let slot: Int32
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

    var write: WriteID?
    var grant: Grant?
    var failure: StreamFailure?
    var flights: [Flight] = []
    /// Bytes of the blocks before.
    var base: UInt64 = 0
}
