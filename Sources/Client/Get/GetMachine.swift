import ControlClient
import Glibc
import Reactor
import Wire

/// One get as a pure state: OPEN, then block after block, each from replica to replica, until its
/// last byte is verified. Events in, actions out; its shell has the engine, the namenode and the
/// clock (`GetSession`, a lane of the load generator, a simulated client).
///
/// One thing is under way at a time: an OPEN, a pause, or a read.
package struct GetMachine {
    /// Copies one get reports; the rest of a device that bad is the scrub's.
    static let mostBad = 100
    /// Faults one get remembers: a node that comes and goes has more.
    static let mostFaults = 1_000
    /// At the bound of connections an old one is being closed: its place is free a few turns later.
    static let roomPause: UInt64 = 1_000_000
    static let mostRoomPauses = 10_000

    /// What an OPEN is for.
    enum Opening {
        /// The first blocks, or the next ones: a long value's do not fit one answer.
        case blocks
        /// As `ReplicaChoice` says.
        case refetch, reopen
        /// The block is gone: was it deleted, or replaced?
        case verdict
    }

    enum Step {
        case open(Opening)
        /// The same OPEN, after a refusal.
        case again(Opening)
        case ask(Int)
    }

    enum Stage {
        case idle
        case opening(Opening)
        case pausing(until: UInt64, Step)
        case asking(Int)
        case reading
        case over
    }

    package private(set) var settings: GetSettings
    var stage = Stage.idle
    var now: UInt64 = 0
    var actions: [GetAction] = []
    var wait = RefusalWait(at: 0, for: 0)
    var patience: Patience

    /// The value that the first OPEN named, and its length.
    package internal(set) var value: (number: UInt64, length: UInt64)?
    /// One past the last byte that is wanted.
    var end: UInt64 = 0
    var blocks: ArraySlice<ValueBlock> = []
    /// What is read now.
    package internal(set) var block: ValueBlock?
    package internal(set) var read: ReadID?
    var choice = ReplicaChoice([])
    var silent = SilentNodes()
    var hedgeAt = UInt64.max
    var roomPauses = 0

    /// Of the bytes of whole ranges that were read, in order.
    package internal(set) var sum = PieceSum()
    /// Verified bytes of the range that is read now.
    var partial: UInt64 = 0
    package internal(set) var replicasTried = 0
    package internal(set) var faults: [ReplicaFault] = []
    /// Copies with a bad chunk, of which the namenode is to hear.
    package internal(set) var bad: [(block: BlockID, epoch: Epoch, node: NodeID)] = []

    package init(_ settings: GetSettings) {
        self.settings = settings
        patience = Patience(settings.span)
    }

    /// Bytes that are verified.
    package var verified: UInt64 { sum.length + partial }

    /// When `woke` is due.
    package var wakeAt: UInt64 {
        switch stage {
        case .pausing(let until, _): until
        case .reading: hedgeAt
        case .idle, .opening, .asking, .over: .max
        }
    }

    /// Wants another range than was said, which may be once the value's length is known: the OPEN
    /// that told it began at the first byte.
    package mutating func narrow(to range: Range<UInt64>) {
        precondition(value == nil && settings.offset == 0, "the range is chosen before its blocks")
        settings.offset = range.lowerBound
        settings.length = range.upperBound - range.lowerBound
    }

    package mutating func take(_ event: GetEvent, now: UInt64) -> [GetAction] {
        self.now = now
        handle(event)
        guard !actions.isEmpty else { return [] }
        defer { actions = [] }
        return actions
    }

    /// As taking `verified`, which brings no action: it comes for every frame, and costs no more
    /// than this.
    package mutating func verified(_ bytes: UInt64, now: UInt64) {
        self.now = now
        guard case .reading = stage else { return }
        patience.progressed()
        choice.progressed()
        partial = bytes
    }

    private mutating func handle(_ event: GetEvent) {
        switch (event, stage) {
        case (_, .over): break
        case (.began, _): open(.blocks)
        case (.opened(let value), .opening(let what)): opened(value, what)
        case (.notOpened(let failure), .opening(let what)): notOpened(failure, what)
        case (.asked(let id), .asking): asked(id)
        case (.noRoom, .asking(let place)): noRoom(place)
        case (.noAddress, .asking): failed(.unreachable(EHOSTUNREACH))
        case (.verified(let bytes), .reading): verified(bytes, now: now)
        case (.completed(let checksum), .reading): completed(checksum)
        case (.failed(let failure), .reading): readFailed(failure)
        case (.narrowed(let isRival, let failure), .reading): narrowed(isRival, failure)
        case (.notHedged, .reading):
            _ = choice.narrowed(isRival: true, .unreachable(EHOSTUNREACH))
            hedgeAt = now
        case (.woke(let canHedge), .reading):
            if now >= hedgeAt { hedge(canHedge) }
        case (.woke, .pausing(let until, let step)) where now >= until: go(step)
        case (.woke, _): break
        default: preconditionFailure("a get is told what it asked for")
        }
    }

    mutating func go(_ step: Step) {
        switch step {
        case .open(let what): open(what)
        case .again(let what): sendOpen(what)
        case .ask(let place): ask(place)
        }
    }

    mutating func fail(_ failure: GetFailure) {
        if let read { actions.append(.end(read)) }
        read = nil
        stage = .over
        tellSilent()
        actions.append(.finish(failure))
    }

    mutating func tellSilent() {
        for node in silent.takeUntold() { actions.append(.tell(silent: node)) }
    }
}
