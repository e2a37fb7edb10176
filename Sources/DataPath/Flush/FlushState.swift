/// What a writer asked to be durable of a block that stays open, as a pure state: here, and on the
/// chain behind.
///
/// A flush covers everything that was received when its offset was reached (`Mark`). One runs at a
/// time; those asked meanwhile join the next. Of those that wait only the first and the last are
/// kept: the last serves all before it, and the first sees to it that a writer who never stops
/// asking is answered all the same.
///
/// Invariants: `durable <= running.end`, and marks are in order.
struct FlushState: BitwiseCopyable {
    /// A prefix of the block.
    struct Mark: BitwiseCopyable, Equatable {
        let end: UInt64
        /// CRC32C of what the prefix has of its last chunk; the chunk itself may grow.
        let lastChecksum: UInt32
    }

    /// The prefix that survives a power cut on this node.
    private(set) var durable: UInt64 = 0
    /// What is being described, and then synced (`BlockFile`).
    private(set) var running: Mark?

    /// Asked for, and not received yet; 0 when there is no such.
    private var asked: UInt64 = 0
    private var first: Mark?
    private var last: Mark?

    private var toSend: (first: UInt64, last: UInt64) = (0, 0)
    /// What the chain behind was asked for since the writer last connected.
    private(set) var forwarded: UInt64 = 0

    /// Bytes that are received and wait to become durable here.
    var isPending: Bool { first != nil }
    var isIdle: Bool { running == nil }
    /// Nothing will become durable here that was not before.
    var owesNothing: Bool { isIdle && !isPending && asked == 0 }

    /// A writer asks for the first `end` bytes.
    mutating func ask(_ end: UInt64) { asked = max(asked, end) }

    /// Whether the HWM has come to what was asked for.
    func isReached(hwm: UInt64) -> Bool { asked > 0 && hwm >= asked }

    /// The HWM has come to what was asked for: the flush is to cover all of it.
    mutating func take(_ mark: Mark) {
        asked = 0
        toSend = (toSend.first > 0 ? toSend.first : mark.end, mark.end)
        demand(mark)
    }

    /// Makes a prefix durable on this node alone.
    mutating func demand(_ mark: Mark) {
        guard mark.end > max(durable, running?.end ?? 0), mark.end > (last?.end ?? 0) else {
            return
        }
        if first == nil { first = mark }
        last = mark
    }

    /// Begins the next flush whose bytes are all on the device.
    mutating func begin(written: UInt64) -> Bool {
        guard running == nil, let first, let last, first.end <= written else { return false }
        if last.end <= written {
            running = last
            self.first = nil
            self.last = nil
        } else {
            running = first
            self.first = last
        }
        return true
    }

    mutating func complete() {
        guard let running else { preconditionFailure("a flush that ended had begun") }
        durable = running.end
        self.running = nil
    }

    /// What to ask of the chain behind now, once it was sent that far.
    mutating func nextToForward(sent: UInt64) -> UInt64? {
        guard toSend.first > 0, toSend.first <= sent else { return nil }
        let end = toSend.last <= sent ? toSend.last : toSend.first
        toSend = toSend.last <= sent ? (0, 0) : (toSend.last, toSend.last)
        forwarded = max(forwarded, end)
        return end
    }

    /// The writer is on a new connection: it asks again, and its chain is asked again.
    mutating func restart() {
        asked = 0
        toSend = (0, 0)
        forwarded = 0
    }
}
