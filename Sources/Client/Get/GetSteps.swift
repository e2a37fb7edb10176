import ControlClient
import Reactor
import System
import Wire

/// What one get is about, and its bounds.
package struct GetSettings {
    package var key: String
    /// Of the reader; may be empty.
    package var location = ""
    package var offset: UInt64 = 0
    /// 0 for "to the end".
    package var length: UInt64 = 0
    /// How long it goes on without progress, nanoseconds.
    package var span = Patience.usual
    /// How long a replica may say nothing, nanoseconds.
    package var silence: UInt64
    /// A replica is left alone so long before a second one is asked as well; `nil`: for ever.
    package var hedgePause: UInt64?
    /// Blocks come with their checksum, and the namenode can be asked again.
    package var hasNamenode = true

    package init(key: String, engine: EngineSettings) {
        self.key = key
        silence = engine.progressTimeout
        hedgePause = engine.hedgePause
    }
}

/// What a get is told.
package enum GetEvent {
    case began
    case opened(OpenValue)
    /// OPEN was refused, or not answered for as long as it might take.
    case notOpened(ControlFailure)
    /// A replica is asked, with this read of the engine's.
    case asked(ReadID)
    /// The engine has no read or connection left now.
    case noRoom
    /// The node that was to be asked has no address.
    case noAddress
    /// Bytes of the block's range that are verified so far.
    case verified(UInt64)
    case completed(checksum: UInt32)
    case failed(StreamFailure)
    case narrowed(isRival: Bool, StreamFailure?)
    /// A second replica could not be asked.
    case notHedged
    /// `wakeAt` has come. `canHedge`: nothing has come yet of the replica that was asked.
    case woke(canHedge: Bool)

    /// The answer to OPEN.
    package init(_ answer: Result<ControlReply, ControlFailure>) {
        switch answer {
        case .success(let reply):
            do throws(ClientError) { self = .opened(try openValue(reply.open)) } catch {
                self = .notOpened(ControlFailure(unreadable: error))
            }
        case .failure(let failure): self = .notOpened(failure)
        }
    }
}

/// What a get has its shell do.
package enum GetAction {
    /// OPEN: answered within so many nanoseconds, or not at all.
    case open(ControlOpen, within: UInt64)
    /// Said to who waits at a terminal.
    case waiting(ControlFailure)
    /// Answered by `asked`, `noRoom` or `noAddress`.
    case ask(ReplicaAsk)
    /// A second replica as well; answered by `notHedged` when that cannot be.
    case hedge(ReadID, ReplicaAsk)
    case end(ReadID)
    /// The namenode may be told of a node that does not answer. Nothing rests on it.
    case tell(silent: NodeID)
    /// The last one.
    case finish(GetFailure?)
}

/// One replica that is to be asked for a range of a block.
package struct ReplicaAsk {
    /// Of this block's range, a read that stopped; `nil`: a new one.
    package let read: ReadID?
    package let node: ChainNode
    package let opening: StreamOpening
    package let block: ValueBlock
    package let range: Range<UInt64>
    /// Of the block; `nil`: nobody knows it.
    package let checksum: UInt32?
    /// Of the range's first byte, in what is got.
    package let position: UInt64
}

/// Why a get ends without its bytes.
package enum GetFailure: Error {
    case call(ControlFailure)
    /// The key has another value than the one that is read. The block that was wanted, or 0.
    case replaced(BlockID)
    /// A part that the value does not have.
    case badRange(valueLength: UInt64)
    /// The namenode's blocks leave this byte out.
    case noBlock(UInt64)
    /// The sink cannot be written, or what went there is wrong.
    case output(StreamFailure, BlockID)
    /// No replica could be read.
    case exhausted(BlockID, ReplicaChoice)
    case noRoom
}

extension StreamEngine where Ring: ~Copyable {
    /// Does what `ask` says. `nil`: there is no room now.
    package mutating func ask(
        _ ask: ReplicaAsk, at address: SocketAddress, sink: PayloadFile? = nil
    ) -> ReadID? {
        if let read = ask.read {
            return redirect(read, to: address, opening: ask.opening) ? read : nil
        }
        var request = ReadRequest(
            assembly: ReadAssembly(
                block: ask.block.block, epoch: ask.block.epoch, blockLength: ask.block.length,
                range: ask.range, checksum: ask.checksum),
            opening: ask.opening, address: address)
        request.sink = sink
        return read(request)
    }
}
