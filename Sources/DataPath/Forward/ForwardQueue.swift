import Reactor

/// What still has to go to the successor: frames in order, and behind the last one perhaps the
/// seal.
struct ForwardQueue {
    static let capacity = 64

    enum Item: Equatable {
        case frame(BufferIndex)
        case seal
    }

    private var buffers = InlineArray<64, BufferIndex>(repeating: BufferIndex(0))
    private var head = 0
    private var count = 0
    private var isSealDue = false
    /// Of the first frame, which is unaligned: its header is sent, its payload is not.
    private(set) var isHeaderSent = false
    /// The send of the first frame is in flight.
    private(set) var isSending = false
    /// One past the last byte that was handed to the successor's socket.
    private(set) var forwarded: UInt64 = 0

    var isEmpty: Bool { count == 0 && !isSealDue }

    var first: Item? {
        @inline(__always) get { count > 0 ? .frame(buffers[head]) : isSealDue ? .seal : nil }
    }

    /// Something follows the first frame at once.
    var hasMore: Bool { count + (isSealDue ? 1 : 0) > 1 }

    mutating func append(_ buffer: BufferIndex) {
        precondition(count < Self.capacity, "a stream's frames are bounded below the queue's size")
        buffers[(head + count) % Self.capacity] = buffer
        count += 1
    }

    /// The seal follows the frames that are here.
    mutating func appendSeal() { isSealDue = true }

    // MARK: Sending

    mutating func beginFrame() {
        precondition(count > 0 && !isSending, "one frame is sent at a time")
        isSending = true
    }

    /// The first frame's header went out alone: its payload is next.
    mutating func sentHeader() {
        isSending = false
        isHeaderSent = true
    }

    /// The first frame went out, up to `end`.
    mutating func sentFrame(to end: UInt64) {
        dropFrame()
        forwarded = max(forwarded, end)
    }

    /// The first frame did not go out, or is out.
    mutating func dropFrame() {
        precondition(count > 0, "what was sent is there")
        isSending = false
        isHeaderSent = false
        head = (head + 1) % Self.capacity
        count -= 1
    }

    /// The seal is sent now.
    mutating func beginSeal() { isSealDue = false }

    /// Takes back what is not sent, the last first; a frame that is being sent comes back by
    /// itself.
    mutating func takeUnsent() -> BufferIndex? {
        guard count > (isSending ? 1 : 0) else { return nil }
        count -= 1
        return buffers[(head + count) % Self.capacity]
    }
}
