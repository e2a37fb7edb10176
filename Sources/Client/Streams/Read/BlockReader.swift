import Reactor
import System
import Transport
import Wire

/// A read, by its place in the engine's slab of them.
package typealias ReadIndex = Int32

/// Where an engine puts a read's bytes itself.
package struct ReadSink: Sendable {
    package let descriptor: Int32
    /// Of the range's first byte, for a seekable sink; `nil`: at the descriptor's own position, in
    /// order.
    package let position: UInt64?

    package init(descriptor: Int32, position: UInt64?) {
        self.descriptor = descriptor
        self.position = position
    }
}

/// What an owner says of a range it wants read.
package struct ReadRequest {
    package var assembly: ReadAssembly
    package var opening: StreamOpening
    package var address: SocketAddress
    /// `nil`: the owner takes `payload` events and answers with `consumed`.
    package var sink: ReadSink?

    package init(assembly: ReadAssembly, opening: StreamOpening, address: SocketAddress) {
        self.assembly = assembly
        self.opening = opening
        self.address = address
    }
}

/// One range of a block on its way from a replica.
struct BlockReader: ~Copyable {
    var assembly: ReadAssembly
    var opening: StreamOpening
    var address: SocketAddress
    let sink: ReadSink?
    var connection: ConnectionIndex = -1
    /// What the replica has to show before anything it says is believed.
    var proof: ProofCheck?
    /// To the replica that was asked as well because the first one is slow, and the same of it.
    var rival: ConnectionIndex = -1
    var rivalOpening: StreamOpening?
    var rivalProof: ProofCheck?
    /// Data came since the replica was asked.
    var isAnswered = false

    /// Slots with verified bytes that wait for the sink or the owner, in order.
    var arrived: FixedRing<BufferIndex>
    /// Those, and the ones that are being drained.
    var held = 0
    var draining = 0
    var isStopped = false
    var isEnding = false

    // What the owner has yet to be told.
    var isTeller = false
    var hasProgress = false
    var failure: StreamFailure?
    var lost: (isRival: Bool, failure: StreamFailure?)?

    init(_ request: ReadRequest, slots: Int) {
        assembly = request.assembly
        opening = request.opening
        address = request.address
        sink = request.sink
        arrived = FixedRing(capacity: slots)
    }
}
