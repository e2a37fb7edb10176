import Wire

/// Step 6 of the write path as a pure state: what this node may tell the one before it.
///
/// Invariant: `sent <= joined() <= own` at every level, and the chain behind never promises more
/// than this node has received.
struct AckJoin: BitwiseCopyable {
    /// What this node holds: HWM, device, power-safe.
    var own = Progress()
    /// What the chain behind this node said last; unused on the tail.
    private(set) var behind = Progress()
    private(set) var sent = Progress()
    /// This node can take data: its file is open. Nothing is acked before.
    var isFileReady = false
    /// The chain behind has answered since the writer last connected.
    private(set) var isChainReady: Bool
    let isTail: Bool
    /// How soon an advance is told.
    var pace = Pace()
    private var wasAnswered = false
    private var owesAnswer = false

    init(isTail: Bool) {
        self.isTail = isTail
        isChainReady = isTail
    }

    /// The writer is on a new connection: its chain starts from nothing, and so do its answers.
    mutating func restart() {
        behind = Progress()
        sent = Progress()
        isChainReady = isTail
        wasAnswered = false
        owesAnswer = false
    }

    /// An ack from behind. `false`: it breaks the rules, and is not believed. It goes back, is out
    /// of order, or claims more than `limit`, the bytes that it can have: they come only through
    /// this node.
    mutating func accept(_ progress: Progress, limit: UInt64) -> Bool {
        guard progress.isOrdered, !behind.exceeds(progress), progress.received <= limit else {
            return false
        }
        behind = progress
        isChainReady = true
        return true
    }

    /// A duplicate was taken: an answer is owed although nothing advanced.
    mutating func owe() { owesAnswer = true }

    func joined() -> Progress { isTail ? own : own.minimum(behind) }

    /// When an advance is worth an ack of its own, as TCP's delayed ack has it (RFC 1122 section
    /// 4.2.3.2): for every second frame, while four or more are not acked, and whenever nothing
    /// more is coming. Never by time: what is held back goes with an event that is sure to come.
    struct Pace: BitwiseCopyable, Equatable {
        /// The level the writer waits for; advances of lower ones ride along.
        var level = Level.received
        /// Two frames' bytes.
        var step: UInt64 = 0
    }

    /// Whether there is something to say: the first answer, an answer owed, or an advance that has
    /// reached the end of what is held, or a step.
    var isDue: Bool {
        guard isFileReady, isChainReady else { return false }
        return !wasAnswered || owesAnswer || hasAdvanced(.received) || hasAdvanced(.written)
            || joined().durable > sent.durable
    }

    private func hasAdvanced(_ level: Level) -> Bool {
        guard level >= pace.level else { return false }
        let reached = joined()[level]
        guard reached > sent[level] else { return false }
        let isFew = own.received - sent[level] < 2 * pace.step
        return isFew || reached == own.received || reached - sent[level] >= pace.step
    }

    /// What to send now; from here on it counts as said.
    mutating func take() -> Progress {
        let progress = joined()
        precondition(!sent.exceeds(progress), "what was acked stays")
        sent = progress
        wasAnswered = true
        owesAnswer = false
        return progress
    }
}
