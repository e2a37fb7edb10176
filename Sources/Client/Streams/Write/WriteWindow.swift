import Reactor
import Wire

/// The frames of one block that are not acked yet, in the order of their offsets, as a pure state.
///
/// A frame's buffer comes back when the chain has acked its last byte at `releaseLevel`. Until then
/// the frame can be sent again, with the framing of the first time, for a node may hold its bytes
/// already and takes no other cut (`straddles`, docs/PROTOCOL.md section 1.4). At most `capacity`
/// frames are held.
package struct WriteWindow: ~Copyable {
    package struct Frame: BitwiseCopyable, Equatable {
        package let offset: UInt64
        package let length: UInt32
        package let buffer: BufferIndex
        /// Its bytes are in the buffer.
        package var isReady: Bool

        package var end: UInt64 { offset + UInt64(length) }
    }

    /// What an ack says against the rules.
    package enum Violation: Error, Equatable {
        /// `durable <= written <= received` does not hold.
        case disordered
        /// Less than an ack before it.
        case wentBack
        /// More than was ever sent.
        case beyondSent
    }

    package let releaseLevel: Level
    /// End of the last frame.
    package private(set) var end: UInt64 = 0
    /// End of what was ever sent, on any stream.
    package private(set) var sentEnd: UInt64 = 0
    package private(set) var acked = Progress()
    /// End of what was given back.
    package private(set) var released: UInt64 = 0
    private var frames: FixedRing<Frame>
    /// Place of the first frame that this stream has not sent.
    private var next = 0

    package init(capacity: Int, releaseLevel: Level) {
        self.releaseLevel = releaseLevel
        frames = FixedRing(capacity: capacity)
    }

    package var count: Int { frames.count }
    package var isFull: Bool { frames.isFull }
    package var unsent: Int { frames.count - next }

    /// Adds the next frame of the block.
    package mutating func append(length: UInt32, buffer: BufferIndex, isReady: Bool) {
        precondition(length > 0, "a frame has bytes")
        frames.append(Frame(offset: end, length: length, buffer: buffer, isReady: isReady))
        end += UInt64(length)
    }

    /// The frame's bytes have arrived in its buffer.
    package mutating func markReady(_ buffer: BufferIndex) {
        for position in 0..<frames.count where frames[position].buffer == buffer {
            frames[position].isReady = true
            return
        }
        preconditionFailure("a frame becomes ready while it is in the window")
    }

    /// The first frame that this stream has not sent, or the one `ahead` places behind it.
    package func unsentFrame(_ ahead: Int = 0) -> Frame? {
        next + ahead < frames.count ? frames[next + ahead] : nil
    }

    /// The sending of `unsentFrame()` has begun.
    package mutating func markSent() {
        precondition(next < frames.count && frames[next].isReady, "only a ready frame is sent")
        sentEnd = max(sentEnd, frames[next].end)
        next += 1
    }

    /// Takes an ack. `true` when it says more than the one before it, `false` for a duplicate.
    package mutating func advance(to progress: Progress) throws(Violation) -> Bool {
        guard progress.isOrdered else { throw .disordered }
        guard !acked.exceeds(progress) else { throw .wentBack }
        guard progress.received <= sentEnd else { throw .beyondSent }
        let isNew = progress.exceeds(acked)
        acked = progress
        return isNew
    }

    /// Takes one frame that the acks cover out of the window; its buffer has one holder less.
    package mutating func popAcked() -> Frame? {
        guard frames.count > 0, frames[0].end <= acked[releaseLevel] else { return nil }
        let frame = frames.popFirst()
        next = max(0, next - 1)
        released = frame?.end ?? released
        return frame
    }

    /// Takes any frame out, when the block is given up.
    package mutating func popAny() -> Frame? {
        next = max(0, next - 1)
        return frames.popFirst()
    }

    /// A new stream begins: everything that is not acked is sent again.
    package mutating func rewind() { next = 0 }

    /// The same bytes can become another block: nothing was given back yet.
    package var canStartOver: Bool { released == 0 }

    /// The bytes go to another block, of which nothing is sent or acked.
    package mutating func startOver() {
        precondition(canStartOver, "a window starts over with every frame it ever had")
        next = 0
        sentEnd = 0
        acked = Progress()
    }
}
