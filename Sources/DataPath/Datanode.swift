import Reactor
import System
import Transport
import Wire

/// One datanode reactor: its rooms put together. It holds the branches; each room holds its state.
///
/// A byte meets them in this order: Receive (1) -> Admit (2) -> Place (3) -> Write (4) | Forward
/// (5) -> Ack (6); reads go Receive -> Admit -> Read. Each of these steps is a folder; the
/// rooms are the types below. What all of them work with is the `Core`. Everything here belongs to
/// one thread.
public struct Datanode<Ring: RingBackend & ~Copyable>: ~Copyable {
    var core: Core<Ring>
    private let observer: any BlockObserver
    private let mailbox: Mailbox<Mail>
    public let address: SocketAddress
    var others: OtherReactors

    var writes: WritePath<Ring>
    var reads: ReadPath<Ring>
    var deletions = Deletions<Ring>()
    var scrubs: Scrubs<Ring>

    /// - Parameters:
    ///   - ring: made on the thread that will call `turn`.
    ///   - listener: a listening socket that this ring can accept on, and its address.
    ///   - index: the blocks that were found on `devices` and are in this reactor's share.
    ///   - random: nobody outside must be able to foretell it.
    /// - Throws: `RingFailure` when buffers cannot be registered.
    public init(
        ring: consuming Ring, listener: (Descriptor, SocketAddress), identity: Identity,
        settings: DatanodeSettings, devices: [Device], index: BlockIndex,
        observer: any BlockObserver, share: ReactorShare = .whole,
        random: ChallengeRandom = ChallengeRandom()
    ) throws(RingFailure) {
        let budget = settings.budget
        let mailbox = Mailbox<Mail>(capacity: budget.mailbox, waker: ring.waker)
        let door =
            share.isWhole
            ? nil
            : ReactorDoor(
                mail: mailbox, arrivals: Mailbox(capacity: budget.arrivals, waker: ring.waker),
                places: budget.connections)
        core = try Core(
            ring, settings, identity, share, blocks: Blocks(devices, index, observer),
            listener: listener.0, door: door, random: random)
        self.observer = observer
        self.mailbox = mailbox
        address = listener.1
        others = OtherReactors(share, door: door)
        writes = WritePath(budget, devices: devices.count)
        reads = ReadPath(budget)
        scrubs = Scrubs(settings, devices: devices.count, now: core.reactor.now)
        core.startAccept()
        if settings.scrubPeriod > 0 { scrubs.start(&core) }
    }

    /// The way in for other threads.
    public var mail: Mailbox<Mail> { mailbox }
    /// The way in for connections of other reactors; `nil` when there are none.
    public var door: ReactorDoor? { others.door }
    /// What pages its buffers lie in.
    public var pages: BufferRegion.Pages { core.buffers.pages }
    public var reactor: Reactor<Ring> {
        _read { yield core.reactor }
        _modify { yield &core.reactor }
    }
    public var devices: [Device] { core.blocks.devices }
    public var counters: DatanodeCounters { core.counters }
    public var isStopping: Bool { core.isStopping }

    // MARK: Turns

    /// One turn: waits at most until `limit` for something to do, and does it.
    /// - Returns: how many completions and deadlines there were.
    @discardableResult
    public mutating func turn(waitUntil limit: UInt64) -> Int {
        let isBusy = !mailbox.isEmpty || others.hasArrivals || core.blocks.hasLosses
        var handled = core.reactor.turn(waitUntil: isBusy ? 0 : limit)
        while let event = core.reactor.next() {
            handle(event)
            if core.settings.checksInvariants { checkInvariants() }
        }
        while let expiry = core.transport.nextExpired() {
            expire(expiry)
            handled += 1
        }
        if !mailbox.isEmpty {
            for message in mailbox.drain() { receive(message) }
            handled += 1
        }
        if let door = others.door { handled += meet(door) }
        if core.blocks.hasLosses { core.blocks.tellLosses() }
        if core.blocks.wantsRoom { deletions.makeRoom(&core) }
        core.makeRoom()
        serveWaiters()
        return handled
    }

    /// Introduces the reactors of a datanode to each other, in the order of their shares. Before
    /// the first turn.
    public mutating func join(_ doors: [ReactorDoor]) { others.join(doors, core.share) }

    /// Turns until mail says stop and everything open has ended. Counters go to the observer about
    /// once a second.
    public mutating func serve() {
        let second: UInt64 = 1_000_000_000
        var nextCount: UInt64 = 0
        while !(isStopping && isIdle) {
            turn(waitUntil: core.reactor.now &+ second)
            if core.reactor.now >= nextCount {
                tellObserver()
                nextCount = core.reactor.now &+ second
            }
        }
        others.door?.arrivals.close()
    }

    /// What is told about once a second, and not when it changes.
    package mutating func tellObserver() {
        observer.count(snapshot)
        observer.scrubbed(scrubProgress, by: core.share)
        observer.spares(devices.map(\.recycled.bytes), by: core.share)
        reportOpenBlocks()
    }

    /// Nothing is open and nothing is in the kernel's hands but the accept and the wake-up.
    public var isIdle: Bool {
        core.transport.count == 0 && writes.count == 0 && reads.count == 0
            && scrubs.inFlight == 0
    }

    private mutating func handle(_ event: Event) {
        let owner = event.operation.owner
        guard !ConnectionOperation.isKind(event.operation.kind) else {
            return handle(connection: ConnectionIndex(owner: owner), event)
        }
        guard let kind = OperationKind(rawValue: event.operation.kind) else {
            preconditionFailure("an operation of no known kind")
        }
        let stream = StreamIndex(owner: owner)
        let reader = ReaderIndex(owner: owner)
        switch kind {
        case .sendAnswer, .sendFrame, .sendPiece, .forwardFrame, .forwardRequest,
            .forwardCredentials:
            preconditionFailure("the transport takes the completions of sends")
        case .accept: if let index = core.accepted(event) { beginHeader(index) }
        case .writeData, .readBack, .renameSpare, .openFile, .loadHeader, .loadTable,
            .writeOpenHeader, .writeTable, .writeSealHeader, .writeFlushTable, .writeFlushHeader,
            .trimFile, .closeFile:
            follow(writes.completed(kind, stream, event, &core), stream)
        case .syncFile: syncedFile(stream, event.outcome)
        case .syncDirectory: syncedDirectory(Int(owner), event.outcome)
        case .openForRead: follow(reads.opened(reader, event.outcome, &core))
        case .readHeader, .readTable:
            follow(reads.didReadMetadata(reader, kind, event, &core))
        case .readData: follow(reads.didReadData(reader, event, &core))
        case .closeReader: reads.closed(reader)
        case .unlinkFile: unlinked(event, isRecycled: false)
        case .recycleFile: unlinked(event, isRecycled: true)
        case .unlinkSpare: deletions.unlinkedSpare(Int(owner), event.outcome, &core)
        case .openForScrub: scrubs.opened(Int(owner), event.outcome, &core)
        case .scrubMetadata, .scrubData: scrubs.didRead(Int(owner), event, &core)
        case .closeScrub: scrubs.closed(Int(owner), &core)
        }
    }

    private mutating func expire(_ expiry: Expiry) {
        switch expiry {
        case .receiving(let index): missed(index, isReceive: true)
        case .sending(let index): missed(index, isReceive: false)
        case .timer(let timer): expire(core.deadline(ofTimer: timer))
        }
    }

    private mutating func expire(_ deadline: Core<Ring>.Deadline) {
        switch deadline {
        case .scrub(let device): scrubs.turn(device, &core)
        case .readTurn:
            reads.endTurn(&core)
            while let index = reads.endStalled(&core) { close(index) }
            reads.watchTurns(&core)
        }
    }

    /// Does what a read wants of its connection.
    mutating func follow(_ wish: ReadPath<Ring>.Wish?) {
        switch wish {
        case nil: break
        case .fail(let index, let status, let text): fail(index, status, text)
        case .close(let index): close(index)
        case .ended(let index): peerEnded(index)
        case .resume(let index): resume(index)
        case .answer(let index): answer(index)
        }
    }

    private mutating func receive(_ message: Mail) {
        switch message {
        case .keys(let ring): core.keys = ring
        case .settled(let incarnation):
            core.contact.heard(
                incarnation, now: core.reactor.now, gap: core.settings.streamIdleTimeout / 4)
            giveUpForgotten()
        case .delete(let deletion): delete(deletion)
        case .scrub(let block): scrubs.ask(for: block, &core)
        case .scrubFrom(let cursors): scrubs.resume(cursors, core.share)
        case .fenced(let isFenced):
            core.isFenced = isFenced
            if isFenced { core.contact.lost() }
        case .room(let room):
            for device in devices.indices where device < room.count {
                core.blocks.saw(
                    room[device], on: device, reactors: core.share.count,
                    open: writes.owed(to: device))
            }
        case .spares(let device, let spares): deletions.keep(spares, on: device, &core)
        case .deviceFailed(let device, let reason):
            core.blocks.toldFailure(of: device)
            failDevice(device, reason: reason)
        case .reportAll(let report): core.blocks.nameAll(report)
        case .stop: stop()
        }
    }

    // MARK: What is told

    /// Tells how far the open blocks are, for INFO: those that moved since the last time.
    package mutating func reportOpenBlocks() { writes.report(&core) }

    /// A copy of the counts with what is open now.
    public var snapshot: DatanodeCounters {
        var copy = core.counters
        copy.reactor = core.share.number
        copy.zeroCopySends = core.transport.counters.zeroCopySends
        copy.zeroCopySendsCopied = core.transport.counters.zeroCopySendsCopied
        copy.connectionsOpen = core.transport.count
        copy.writeStreamsOpen = writes.count
        copy.payloadBuffersFree = core.buffers.freePayloads
        copy.ring = core.reactor.counters
        return copy
    }

    /// How far the scrub of each device has come.
    public var scrubProgress: [ScrubProgress] { scrubs.progress(core.blocks) }
}
