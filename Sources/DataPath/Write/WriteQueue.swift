import Reactor

/// The device writes of one block in the order of their offsets, and the prefix that is on the
/// device.
///
/// Frames enter in order; writes finish in any order; `written` is the end of the longest prefix of
/// finished ones. A write that begins inside a page waits until everything before it is on the
/// device, because the write before it covers the same page and the device may do two writes in
/// either order.
struct WriteQueue {
    static let capacity = 64

    struct Entry: BitwiseCopyable {
        var buffer: BufferIndex?
        var end: UInt64 = 0
        var isAligned = true
        var isDone = false
    }

    private var entries = InlineArray<64, Entry>(repeating: Entry())
    private var head = 0
    private var count = 0
    /// How many of the first entries were handed to the device.
    private var issued = 0
    /// End of the prefix that is on the device.
    private(set) var written: UInt64

    init(written: UInt64 = 0) { self.written = written }

    var isEmpty: Bool { count == 0 }
    /// Frames that may still enter. A frame whose write is done keeps its place, though not its
    /// buffer, until every write before it is done too.
    var room: Int { Self.capacity - count }

    mutating func append(buffer: BufferIndex, end: UInt64, isAligned: Bool) {
        precondition(count < Self.capacity, "a stream's frames are bounded below the queue's size")
        entries[(head + count) % Self.capacity] = Entry(
            buffer: buffer, end: end, isAligned: isAligned, isDone: false)
        count += 1
    }

    /// The next buffer to hand to the device, or `nil` when there is none or it must wait for its
    /// page.
    mutating func nextToIssue() -> BufferIndex? {
        guard issued < count else { return nil }
        let entry = entries[(head + issued) % Self.capacity]
        guard entry.isAligned || issued == 0 else { return nil }
        issued += 1
        return entry.buffer
    }

    /// The write of `buffer` is complete; `written` advances when it was the first of those in
    /// flight.
    mutating func finish(buffer: BufferIndex) {
        var position = 0
        while position < issued,
            entries[(head + position) % Self.capacity].buffer != buffer
                || entries[(head + position) % Self.capacity].isDone
        {
            position += 1
        }
        precondition(position < issued, "a finished write was issued")
        entries[(head + position) % Self.capacity].isDone = true
        while issued > 0, entries[head].isDone {
            written = entries[head].end
            head = (head + 1) % Self.capacity
            count -= 1
            issued -= 1
        }
    }

    /// Takes back what was not handed to the device, newest first, when the stream ends early.
    mutating func takeUnissued() -> BufferIndex? {
        guard count > issued else { return nil }
        count -= 1
        return entries[(head + count) % Self.capacity].buffer
    }
}
