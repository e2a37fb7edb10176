import ControlClient
import Reactor
import System
import Wire

/// What can be had of a put's bytes.
package enum PutSupply: Equatable {
    /// So many, and any of them again: a file, or bytes that are made.
    case again(UInt64)
    /// Each one once, up to an end that nobody knows: a pipe. `promised`: how many there should be.
    case once(promised: UInt64?)

    /// What is known of the length beforehand.
    var expected: UInt64? {
        switch self {
        case .again(let length): length
        case .once(let promised): promised
        }
    }
}

/// What one put is about, and its bounds.
package struct PutSettings {
    package var key: String
    package var overwrite = false
    package var supply: PutSupply
    /// The longest a block may become; `nil` for what the namenode plans.
    package var blockBytes: UInt64?
    /// 0 for the namenode's default.
    package var replicas = 0
    package var durability = CloseDurability.durable
    /// Of the writer; may be empty.
    package var location = ""
    /// How long it goes on without progress, nanoseconds.
    package var span = Patience.usual
    /// How long a node may say nothing, nanoseconds.
    package var silence: UInt64
    /// There is another chain when one fails.
    package var hasOtherChains = true

    package init(key: String, supply: PutSupply, engine: EngineSettings) {
        self.key = key
        self.supply = supply
        silence = engine.progressTimeout
    }
}

/// What a put is told.
package enum PutEvent {
    case began
    case answered(PutCall, Result<PutAnswer, ControlFailure>)
    /// `write` or `resume` or `move` was done. By the block's order.
    case begun(Int, WriteID)
    /// It was not: the engine has no write or connection left now.
    case noRoom(Int)
    /// It was not: the head has no address.
    case noAddress(Int)
    /// Every byte of the block was taken from the source; its length.
    case filled(WriteID, length: UInt64, isSourceEnded: Bool)
    case progress(WriteID, Progress)
    case sealed(WriteID, SignedReceipt)
    /// `isInMemory`: all its bytes still are, so they can move to another chain from there.
    case failed(WriteID, StreamFailure, isInMemory: Bool)
    /// The next block's first bytes, that many; 0: there is no next block.
    case peeked(Int)
    /// The source cannot be read, or is not what it was taken for.
    case sourceFailed(ClientError)
    /// `wakeAt` has come.
    case woke
}

/// What a put has its shell do.
package enum PutAction {
    /// Answered by `answered`, within so many nanoseconds.
    case call(PutCall, within: UInt64)
    /// Said to who waits at a terminal.
    case waiting(ControlFailure)
    /// Answered by `peeked`: whether the source has more bytes.
    case peek
    /// A new stream for a block; this one, and the next two, are answered by `begun`, `noRoom` or
    /// `noAddress`.
    case write(BlockWrite)
    /// The same stream again: what is unacked is sent again.
    case resume(Int, WriteID)
    /// The same bytes, from memory, to another chain.
    case move(Int, WriteID, BlockPlan)
    case end(WriteID)
    /// The namenode may be told of a node that does not answer. Nothing rests on it.
    case tell(silent: NodeID)
    /// The last one. `kept`: why the lease could not be given back.
    case finish(PutFailure?, kept: ControlFailure?)
}

/// A block that is to be written from its first byte.
package struct BlockWrite {
    /// Its place among the value's blocks.
    package let order: Int
    /// Of its first byte, in the value.
    package let start: UInt64
    /// `nil`: not known before the source ends.
    package let length: UInt64?
    /// The longest it may become.
    package let most: UInt64
    package let plan: BlockPlan

    /// What the shell completes: where its bytes come from, and what is asked of the chain.
    package func request(at address: SocketAddress) -> WriteRequest {
        var request = WriteRequest(
            block: plan.block, epoch: plan.epoch, opening: plan.opening, address: address,
            maxBytes: most)
        request.length = length
        return request
    }
}

/// Why a put ends without its value.
package enum PutFailure: Error {
    case call(ControlFailure)
    /// A block could not be written; its plan, and its first byte in the value.
    case stream(StreamFailure, BlockPlan, start: UInt64)
    case noAddress(BlockPlan)
    /// The namenode planned a block that is too short for what it is to hold.
    case shortBlock(UInt64)
    case source(ClientError)
    case noRoom
}
