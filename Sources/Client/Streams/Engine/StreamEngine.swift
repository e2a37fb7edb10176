import Reactor
import Transport
import Wire

/// Blocks being written and ranges being read by one thread over one ring: the client library's put
/// and get, a load generator's thousands of streams, and a simulated writer are owners of one of
/// these.
///
/// The owner calls `turn`, then `nextEvent` until it is `nil`, and answers events by calls. Nothing
/// here blocks, makes a thread or resolves a name. Memory is what `EngineSettings` says, whatever
/// the streams are.
///
/// A write's byte goes: fill (1) -> sum (2) -> send (3) -> ack (4) -> seal (5). A read's: receive
/// (1) -> verify (2) -> drain (3). The engine puts the rooms together and holds the branches; each
/// room holds its state. What all of them work with is the `StreamCore`.
package struct StreamEngine<Ring: RingBackend & ~Copyable>: ~Copyable {
    var core: StreamCore<Ring>
    var writers: BlockWriters<Ring>
    var readers: BlockReaders<Ring>
    var links: ControlLinks<Ring>
    var source = SourcePeek<Ring>()

    /// - Parameters:
    ///   - ring: made on the thread that will call `turn`.
    ///   - random: nobody outside must be able to foretell it.
    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered and must be.
    package init(
        ring: consuming Ring, settings: EngineSettings,
        random: ChallengeRandom = ChallengeRandom()
    ) throws(RingFailure) {
        settings.check()
        core = try StreamCore(ring, settings, random: random)
        writers = BlockWriters(settings)
        readers = BlockReaders(settings)
        links = ControlLinks(settings)
    }

    package var settings: EngineSettings { core.settings }
    /// Whether the ring has registered the buffers.
    package var isRegistered: Bool { core.buffers.isRegistered }
    package var now: UInt64 { core.reactor.now }
    /// When a turn is wanted though nothing completes.
    package var nextDeadline: UInt64? { core.reactor.timers.nextDeadline }
    package var freeBuffers: Int { core.buffers.free }

    // MARK: Turns

    /// One turn: waits at most until `limit` (nanoseconds on the ring's clock) for something to do,
    /// and does it.
    /// - Returns: how many completions and deadlines there were.
    @discardableResult
    package mutating func turn(waitUntil limit: UInt64) -> Int {
        links.sendCalls(&core)
        var handled = core.reactor.turn(waitUntil: hasNews ? 0 : limit)
        while let event = core.reactor.next() { handle(event) }
        while let party = core.nextExpired() {
            expire(party)
            handled += 1
        }
        serveBufferWaiters()
        if core.settings.checksInvariants { checkInvariants() }
        return handled
    }

    /// The owner has something to hear before it should wait.
    private var hasNews: Bool {
        source.hasNews || !core.news.isEmpty || core.buffers.isAwaited
    }

    private mutating func handle(_ event: Event) {
        let owner = event.operation.owner
        guard !ConnectionOperation.isKind(event.operation.kind) else {
            return heard(
                ConnectionIndex(owner: owner), core.transport.handle(event, &core.buffers.pool))
        }
        switch EngineOperation(rawValue: event.operation.kind) {
        case .fill: writers.didFill(WriteIndex(owner: owner), event, &core)
        case .drain: readers.didDrain(ReadIndex(owner: owner), event, &core)
        case .peek: source.completed(event, &core)
        case .sendControl, .sendData, nil:
            preconditionFailure("an operation of no known kind")
        }
    }

    private mutating func expire(_ party: Party) {
        switch party {
        case .write(let write): writers.expired(write, &core)
        case .read(let read): readers.expired(read, &core)
        case .control(let link): links.expired(link, &core)
        }
    }

    /// Hands free buffers to those that wait, in order, once a turn. A write that its owner fills
    /// takes its buffer later, with the event: no more of them are told than there are buffers.
    private mutating func serveBufferWaiters() {
        var promised = 0
        while let waiter = core.buffers.nextWaiter(promised: promised) {
            switch waiter {
            case .write(let write): if writers.bufferCame(write, &core) { promised += 1 }
            case .connection(let index):
                guard core.transport.isUsed(index),
                    case .read(let read) = core.transport.at(index).role.party
                else { continue }
                readers.receivePayload(read, index, &core)
            }
        }
    }

    /// The next event, or `nil` until the next turn.
    package mutating func nextEvent() -> StreamEvent? {
        if let event = source.nextEvent() { return event }
        while let party = core.news.popFirst() {
            let event =
                switch party {
                case .write(let write): writers.nextEvent(of: write, &core)
                case .read(let read): readers.nextEvent(of: read, &core)
                case .control(let link): links.nextEvent(of: link, &core)
                }
            if let event { return event }
        }
        return nil
    }

    // MARK: Stopping

    /// Ends everything; `turn` until `isIdle`.
    package mutating func stop() {
        writers.endAll(&core)
        readers.endAll(&core)
        links.endAll(&core)
        for index in core.transport.places
        where core.transport.isUsed(index) && core.transport.at(index).role.party == nil {
            core.close(index)
        }
        source.end(&core)
    }

    /// Ends everything and waits until the kernel has let go of every buffer.
    package mutating func shutDown() {
        stop()
        let end = now + Self.shutDownSpan
        while !isIdle, now < end {
            // Who has something to tell is there until it is taken.
            while nextEvent() != nil {}
            turn(waitUntil: end)
        }
    }

    /// How long the last operations may take to come back, nanoseconds.
    private static var shutDownSpan: UInt64 { 2_000_000_000 }

    /// Nothing is open and nothing but the wake-up is in the kernel's hands.
    package var isIdle: Bool {
        !source.isRunning && core.transport.count == 0 && writers.count == 0
            && readers.count == 0 && links.count == 0
    }

    // MARK: What holds

    /// What holds between two turns, whatever they do. Debug builds and simulations check it after
    /// each (`EngineSettings.checksInvariants`).
    mutating func checkInvariants() {
        core.checkInvariants()
        for index in core.transport.places
        where core.transport.isUsed(index) {
            checkLinks(of: index)
        }
        writers.checkInvariants(&core)
        readers.checkInvariants(&core)
        links.checkInvariants(&core)
    }

    /// A connection and what it carries know each other.
    private mutating func checkLinks(of index: ConnectionIndex) {
        let connection = core.transport.at(index)
        switch connection.role.party {
        case nil: precondition(connection.isParked || !connection.isLive, "an idle one is parked")
        case .write(let write):
            precondition(connection.isLive && writers.at(write).pointee.connection == index)
        case .read(let read):
            precondition(connection.isLive && readers.at(read).pointee.isAsked(over: index))
        case .control(let link): precondition(links.at(link).pointee.connection == index)
        }
    }
}
