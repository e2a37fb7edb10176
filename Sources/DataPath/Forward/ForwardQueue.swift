import Reactor

/// What still has to go to the successor, in order: frames, and at the end perhaps a seal.
struct ForwardQueue {
    static let capacity = 64
    /// A place in the queue that is the seal and not a frame.
    static let seal: BufferIndex = -2

    private var buffers = InlineArray<64, BufferIndex>(repeating: -1)
    private var head = 0
    private(set) var count = 0
    /// Of the first frame, which is unaligned: its header is sent, its payload is not.
    var isHeaderSent = false
    /// The send of the first one is in flight.
    var isSending = false
    /// One past the last byte that was handed to the successor's socket.
    var forwarded: UInt64 = 0

    var isEmpty: Bool { count == 0 }
    var first: BufferIndex { buffers[head] }
    /// Another frame follows the first at once.
    var hasMore: Bool { count > 1 }

    mutating func append(_ buffer: BufferIndex) {
        precondition(count < Self.capacity, "a stream's frames are bounded below the queue's size")
        buffers[(head + count) % Self.capacity] = buffer
        count += 1
    }

    mutating func popFirst() -> BufferIndex? {
        guard count > 0 else { return nil }
        let buffer = buffers[head]
        head = (head + 1) % Self.capacity
        count -= 1
        isHeaderSent = false
        return buffer
    }
}
