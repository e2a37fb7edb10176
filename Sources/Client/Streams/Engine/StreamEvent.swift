import ControlClient
import Reactor
import Wire

/// One block being written by an engine. Valid until `sealed` was taken or the write was ended.
package struct WriteID: Hashable, Sendable {
    package let index: WriteIndex
}

/// One range being read by an engine. Valid until `readCompleted` was taken or the read was ended.
package struct ReadID: Hashable, Sendable {
    package let index: ReadIndex
    /// Of an owner that reads without an engine.
    package static let nobody = ReadID(index: ReadIndex(owner: .max))
}

/// What an engine tells its owner.
package enum StreamEvent {
    /// A write without a source can take a frame: fill up to `memory.count` bytes and call
    /// `provide` or `decline`.
    case wantsPayload(
        WriteID, buffer: BufferIndex, offset: UInt64, memory: UnsafeMutableRawBufferPointer)
    /// A write has taken the last byte of its source that it will take: the next block can begin.
    case filled(WriteID, length: UInt64, isSourceEnded: Bool)
    /// The chain's ack moved on.
    case progress(WriteID, Progress)
    /// The whole chain has the block at the level asked for. The write is over.
    case sealed(WriteID, BlockSeal)
    /// The write stopped: `resume`, `move` or `end` it.
    case writeFailed(WriteID, StreamFailure)

    /// Verified bytes of a read without a sink: call `consumed` with the buffer.
    case payload(ReadID, buffer: BufferIndex, offset: UInt64, memory: UnsafeRawBufferPointer)
    /// Bytes of the range that are verified so far.
    case verified(ReadID, UInt64)
    /// Every byte is verified and with the sink. The read is over.
    case readCompleted(ReadID, checksum: UInt32)
    /// Of the two replicas that a read asked, one is out: it failed, or, `nil`, the other answered
    /// first.
    case readNarrowed(ReadID, isRival: Bool, StreamFailure?)
    /// The read stopped; what was verified is with the sink: `redirect` or `end` it.
    case readFailed(ReadID, StreamFailure)

    /// The first bytes of a source, in a buffer that the next write takes over; no buffer: it has
    /// ended.
    case peeked(buffer: BufferIndex?, count: Int)
    case peekFailed(Int32)

    /// A namenode greeted: calls can be made.
    case controlOpened(ControlID, ClusterID)
    /// An answer, whatever its code. The call is over.
    case replied(CallID, ControlReply)
    /// No answer will come. The call is over.
    case callFailed(CallID, ControlFailure)
    /// The connection is gone, after all of its calls.
    case controlFailed(ControlID, ControlFailure)
}

/// How a block ended.
package struct BlockSeal: Sendable {
    package let receipt: SignedReceipt
    package let progress: Progress
    /// The source had no more bytes.
    package let isSourceEnded: Bool
}
