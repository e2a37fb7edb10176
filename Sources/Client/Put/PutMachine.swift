import ControlClient
import Wire

/// One put as a pure state, from CREATE to CLOSE. Events in, actions out; its shell has the engine,
/// the namenode, the source and the clock (`PutSession`, a lane of the load generator, a simulated
/// client).
///
/// Blocks are filled one after another. The next one begins when the one before has all its bytes
/// and while the chain still seals it, so that the stream of bytes never waits for a seal.
package struct PutMachine {
    /// Blocks that are filled or sealed at once.
    static let mostWriting = 2
    /// Blocks that one CLOSE lists, of the ten thousand or so that its 1 MiB has room for.
    static let mostListed = 1_000
    /// Blocks that one ADDBLOCK is asked for.
    static let mostPlanned = 16
    /// Plans are used for so long, nanoseconds: a fifth of a token's life.
    static let planLife: UInt64 = 120_000_000_000
    /// Who waits at a terminal is told what for after this, nanoseconds.
    static let untold: UInt64 = 1_000_000_000
    /// Calls that have their next occasion, nanoseconds.
    static let shortCall: UInt64 = 5_000_000_000
    /// At the bound of connections an old one is being closed: its place is free a few turns later.
    static let roomPause: UInt64 = 1_000_000
    static let mostRoomPauses = 10_000

    enum Phase {
        case idle, creating, writing, closing
        case abandoning(PutFailure)
        case over
    }

    package let settings: PutSettings
    var phase = Phase.idle
    var now: UInt64 = 0
    var actions: [PutAction] = []
    var patience: Patience

    // The lease.
    package internal(set) var lease: Lease?
    /// As the namenode gave them with the lease; one of an older version does not say.
    var bounds: ValueBounds?
    var renewAt = UInt64.max
    var isRenewing = false
    /// Of CREATE, and of CLOSE.
    var wait = RefusalWait(at: 0, for: 0)
    /// A call that was refused, and when it is made again.
    var refused: (call: PutCall, until: UInt64)?

    // Plans.
    /// Blocks that were planned ahead.
    var planned: [BlockPlan] = []
    /// When, and how many the next ADDBLOCK is asked for: as many as a plan's life needs.
    var plannedAt: UInt64 = 0
    var planCount = PutMachine.mostPlanned
    var planning = PlanRetry()
    /// The ADDBLOCK that is under way, and since when. `isStale`: a node failed meanwhile.
    var asked: (wish: PlanWish, since: UInt64, isStale: Bool)?
    /// Not before this is the next one.
    var planAt: UInt64?
    /// Since when the namenode has not answered an ADDBLOCK, until that was said.
    var unansweredSince: UInt64?

    // Blocks.
    /// Those that are filled or sealed, in order; at most `mostWriting`.
    var writing: [PutBlock] = []
    /// Every block that was begun, by its order: `nil` until it is sealed.
    package internal(set) var blocks: [(plan: BlockPlan, receipt: SignedReceipt)?] = []
    var sealedBytes: UInt64 = 0
    /// Blocks that a CLOSE has listed.
    var listed = 0
    var isListing = false
    /// Bytes of the source that blocks have taken, or will take.
    package internal(set) var taken: UInt64 = 0
    var isSourceEnded = false
    /// The first bytes of the next block, of a source of unknown length: how many.
    var peeked: Int?
    var isPeeking = false
    var silent = SilentNodes()

    /// Streams that were begun again, and blocks that took another chain.
    package internal(set) var retries: UInt64 = 0
    /// The value was shown to the namenode, which has not said that it refuses it.
    package internal(set) var mayBeStored = false

    package init(_ settings: PutSettings) {
        self.settings = settings
        patience = Patience(settings.span)
    }

    /// The block that is written so.
    package func block(_ id: WriteID) -> PutBlock? { writing.first { $0.write == id } }

    func place(of id: WriteID) -> Int? { writing.firstIndex { $0.write == id } }

    /// A block is under way.
    package var isWriting: Bool { !writing.isEmpty }

    /// Bytes that every node of their chains has written.
    package var written: UInt64 { writing.reduce(sealedBytes) { $0 + $1.written } }

    package mutating func take(_ event: PutEvent, now: UInt64) -> [PutAction] {
        self.now = now
        handle(event)
        guard !actions.isEmpty else { return [] }
        defer { actions = [] }
        return actions
    }

    private mutating func handle(_ event: PutEvent) {
        if case .over = phase { return }
        switch event {
        case .began: create()
        case .answered(let call, let result): answered(call, result)
        case .progress(let id, let acked): return progressed(id, acked, now: now)
        case .begun(let order, let id): begun(order, id)
        case .noRoom(let order): noRoom(order)
        case .noAddress(let order): noAddress(order)
        case .filled(let id, let length, let isEnded): filled(id, length, isEnded)
        case .sealed(let id, let receipt): sealed(id, receipt)
        case .failed(let id, let failure, let isInMemory): failed(id, failure, isInMemory)
        case .peeked(let count): peeked(count)
        case .sourceFailed(let error): fail(.source(error))
        case .woke: break
        }
        goOn()
    }

    /// Everything that may go on now, in the order of its worth.
    private mutating func goOn() {
        renewIfDue()
        repeatIfDue()
        guard case .writing = phase else { return }
        for place in writing.indices { goOn(place) }
        beginNext()
        planIfDue()
        listIfMany()
        closeIfDone()
    }

    /// When `woke` is due.
    package var wakeAt: UInt64 {
        var wake = canRenew ? renewAt : .max
        if let refused { wake = min(wake, refused.until) }
        guard case .writing = phase else { return wake }
        if asked == nil, let planAt { wake = min(wake, planAt) }
        for case .pausing(let until, _) in writing.lazy.map(\.stage) { wake = min(wake, until) }
        return wake
    }

    // MARK: The end

    private mutating func closeIfDone() {
        guard case .writing = phase, isExhausted, writing.isEmpty, !isListing, !isPeeking,
            peeked == nil, refused == nil, !isRenewing
        else { return }
        phase = .closing
        wait = RefusalWait(at: now, for: settings.span)
        call(.close(listed..<blocks.count, more: false), within: settings.span)
        mayBeStored = true
    }

    mutating func finish() {
        phase = .over
        actions.append(.finish(nil, kept: nil))
    }

    /// Gives the lease back, so that the key is free at once and not when the lease ends.
    mutating func fail(_ failure: PutFailure) {
        switch phase {
        case .abandoning, .over: return
        case .idle, .creating, .writing, .closing: break
        }
        for block in writing {
            if let write = block.write { actions.append(.end(write)) }
        }
        writing = []
        refused = nil
        tellSilent()
        var isLeaseOver = lease == nil
        if case .call(.refused(let refusal)) = failure, refusal.code == .leaseExpired {
            isLeaseOver = true
        }
        guard isLeaseOver else {
            phase = .abandoning(failure)
            return call(.abandon, within: min(settings.span, Self.shortCall))
        }
        phase = .over
        actions.append(.finish(failure, kept: nil))
    }

    mutating func abandoned(_ result: Result<PutAnswer, ControlFailure>) {
        guard case .abandoning(let failure) = phase else { return }
        phase = .over
        switch result {
        case .success:
            // The lease was there, so no CLOSE was done, and none can be any more.
            mayBeStored = false
            actions.append(.finish(failure, kept: nil))
        // A lease that is over leaves nothing to drop.
        case .failure(.refused(let refusal)) where refusal.code == .leaseExpired:
            actions.append(.finish(failure, kept: nil))
        case .failure(let kept): actions.append(.finish(failure, kept: kept))
        }
    }

    mutating func call(_ call: PutCall, within: UInt64) {
        actions.append(.call(call, within: within))
    }

    mutating func tellSilent() {
        for node in silent.takeUntold() { actions.append(.tell(silent: node)) }
    }
}
