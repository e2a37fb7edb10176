import Reactor
import System
import Wire

/// One datanode reactor: its rooms put together.
///
/// A byte meets them in this order: Receive (1) -> Admit (2) -> Place (3) -> Write (4) | Forward
/// (5) -> Ack (6); reads go Receive -> Admit -> Read. Each room is a folder, and an extension of
/// this type; what a room decides is a value type of its own beside it. Everything here belongs to
/// one thread.
public struct Datanode<Ring: RingBackend & ~Copyable>: ~Copyable {
    public var reactor: Reactor<Ring>
    let settings: DatanodeSettings
    let identity: Identity
    let observer: any BlockObserver
    let mailbox: Mailbox<Mail>
    /// Which blocks are this reactor's, and the way to the others when there are any.
    let share: ReactorShare
    public let door: ReactorDoor?
    var doors: [ReactorDoor] = []
    var isFailureTold: [Bool]
    public let address: SocketAddress
    let listener: Descriptor
    let mayZeroCopy: Bool
    /// Of the challenges to next nodes.
    var random: ChallengeRandom

    let region: BufferRegion
    var payloads: BufferPool
    var metadata: BufferPool
    /// One record per payload buffer.
    let frames: UnsafeMutablePointer<FrameSlot>
    /// `Connection.memoryBytes` for each connection.
    let connectionMemory: UnsafeMutableRawPointer

    var connections: Slab<Connection>
    var places: ConnectionPlaces
    var streams: Slab<WriteStream>
    var readers: Readers
    public internal(set) var devices: [Device]
    public internal(set) var index: BlockIndex
    /// Idle connections to successors, the oldest first.
    var parked: [Int32] = []
    /// Frames beyond a gap, over all streams.
    var heldFrames = 0
    /// Payload buffers with parts of reads' answers in them.
    var readBuffers = 0
    /// The write stream of each open block.
    var openStreams: [BlockID: Int32] = [:]

    var deletions = Deletions()
    /// Blocks of failed devices that are yet to be told to be lost.
    var losing: [BlockID] = []
    var scrubs: Scrubs

    /// Who waits for a payload buffer, in order: connections by index, readers behind them.
    var bufferWaiters: WaitList
    /// Who waits for a metadata buffer: streams by index, readers behind them.
    var metadataWaiters: WaitList

    /// What a failed connection's error frame will say.
    var pendingReports: [Int32: ErrorReport] = [:]

    var keys: KeyRing?
    var isFenced = false
    var isDraining = false
    public internal(set) var isStopping = false
    var isAccepting = false
    public internal(set) var counters = DatanodeCounters()

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
        let region = try BufferRegion(
            byteCount: budget.regionBytes, hugePages: settings.usesHugePages)
        var ring = ring
        try ring.register(region: region.bytes)
        let base = region.bytes.baseAddress.unsafelyUnwrapped
        payloads = BufferPool(
            memory: base, stride: budget.payloadStride, count: budget.payloadBuffers)
        metadata = BufferPool(
            memory: base + budget.payloadBuffers * budget.payloadStride,
            stride: Budget.metadataStride, count: budget.metadataBuffers)
        frames = .allocate(capacity: budget.payloadBuffers)
        frames.initialize(repeating: FrameSlot(), count: budget.payloadBuffers)
        connectionMemory = .allocate(
            byteCount: budget.connections * Connection.memoryBytes, alignment: 64)
        connections = Slab(capacity: budget.connections)
        streams = Slab(capacity: budget.writeStreams)
        readers = Readers(budget)
        bufferWaiters = WaitList(places: budget.connections + budget.readStreams)
        metadataWaiters = WaitList(places: budget.writeStreams + budget.readStreams)
        let mailbox = Mailbox<Mail>(capacity: budget.mailbox, waker: ring.waker)
        self.mailbox = mailbox
        self.share = share
        door =
            share.isWhole
            ? nil
            : ReactorDoor(
                mail: mailbox, arrivals: Mailbox(capacity: budget.arrivals, waker: ring.waker),
                places: budget.connections)
        places = ConnectionPlaces(budget, door: door)
        isFailureTold = Array(repeating: false, count: devices.count)
        mayZeroCopy = settings.mayZeroCopy && ring.sendsZeroCopy
        reactor = Reactor(
            ring: ring, operations: budget.operations,
            timers: 2 * budget.connections + devices.count + 1)
        scrubs = Scrubs(settings, devices: devices.count, now: reactor.now)
        self.region = region
        self.settings = settings
        self.identity = identity
        self.observer = observer
        self.random = random
        (self.listener, address) = listener
        self.devices = devices
        self.index = index
        startAccept()
        if settings.scrubPeriod > 0 { startScrubs() }
    }

    deinit {
        frames.deallocate()
        connectionMemory.deallocate()
    }

    /// The way in for other threads.
    public var mail: Mailbox<Mail> { mailbox }
    /// What pages its buffers lie in.
    public var pages: BufferRegion.Pages { region.pages }
    private var hasMail: Bool { !mailbox.isEmpty || !(door?.arrivals.isEmpty ?? true) }

    /// One turn: waits at most until `limit` for something to do, and does it.
    /// - Returns: how many completions and deadlines there were.
    @discardableResult
    public mutating func turn(waitUntil limit: UInt64) -> Int {
        var handled = reactor.turn(waitUntil: hasMail || !losing.isEmpty ? 0 : limit)
        while let event = reactor.next() {
            handle(event)
            if settings.checksInvariants { checkInvariants() }
        }
        while let owner = reactor.nextExpired() {
            expire(owner)
            handled += 1
        }
        if !mailbox.isEmpty {
            for message in mailbox.drain() { receive(message) }
            handled += 1
        }
        if let door { handled += meet(door) }
        if !losing.isEmpty { tellLosses() }
        if places.isCrowded { makeRoom() }
        serveWaiters()
        return handled
    }

    /// Takes in the connections that moved here, and passes on what the others must know.
    private mutating func meet(_ door: ReactorDoor) -> Int {
        tellFailures()
        let arrivals = door.arrivals.drain()
        for arrival in arrivals { arrive(arrival) }
        return arrivals.count
    }

    /// Turns until mail says stop and everything open has ended. Counters go to the observer about
    /// once a second.
    public mutating func serve() {
        let second: UInt64 = 1_000_000_000
        var nextCount: UInt64 = 0
        while !(isStopping && isIdle) {
            turn(waitUntil: reactor.now &+ second)
            if reactor.now >= nextCount {
                tellObserver()
                nextCount = reactor.now &+ second
            }
        }
        door?.arrivals.close()
    }

    /// What is told about once a second, and not when it changes.
    package mutating func tellObserver() {
        observer.count(snapshot)
        observer.scrubbed(scrubProgress, by: share)
        observer.spares(devices.map(\.recycled.bytes), by: share)
        reportOpenBlocks()
    }

    /// Nothing is open and nothing is in the kernel's hands but the accept and the wake-up.
    public var isIdle: Bool {
        connections.count == 0 && streams.count == 0 && readers.count == 0 && scrubs.inFlight == 0
    }

    private mutating func handle(_ event: Event) {
        guard let kind = OperationKind(rawValue: event.operation.kind) else {
            preconditionFailure("an operation of no known kind")
        }
        let owner = Int32(bitPattern: event.operation.owner)
        switch kind {
        case .accept: accepted(event)
        case .receiveHeader: receivedHeader(owner, event.outcome)
        case .receivePayload: receivedPayload(owner, event)
        case .discard: discarded(owner, event.outcome)
        case .sendControl, .forwardSeal, .forwardCredentials:
            sentControl(owner, kind, event.outcome)
        case .sendFrame: sentRead(owner, event)
        case .forwardFrame: forwarded(owner, event)
        case .sendPiece: sentPiece(owner, event.outcome)
        case .makeSocket: madeSocket(owner, event.outcome)
        case .connect: connected(owner, event.outcome)
        case .shutdown: shutDown(owner)
        case .closeSocket: closedSocket(owner)
        case .disconnect: disconnected(owner)
        case .openFile: openedFile(owner, event.outcome)
        case .loadHeader, .loadTable: loaded(owner, kind, event)
        case .writeOpenHeader: wroteOpenHeader(owner, event.outcome)
        case .writeData: wroteData(owner, event)
        case .readBack: readBack(owner, event)
        case .writeTable, .writeSealHeader: sealStep(owner, kind, event.outcome)
        case .writeFlushTable, .writeFlushHeader: flushStep(owner, kind, event.outcome)
        case .syncFile: syncedFile(owner, event.outcome)
        case .syncDirectory: syncedDirectory(Int(owner), event.outcome)
        case .closeFile: closedFile(owner)
        case .renameSpare: renamedSpare(owner, event.outcome)
        case .trimFile: trimmedFile(owner)
        case .openForRead: openedForRead(owner, event.outcome)
        case .readHeader, .readTable: readMetadata(owner, kind, event)
        case .readData: readDevice(owner, event)
        case .closeReader: closedReader(owner)
        case .unlinkFile: unlinked(event, isRecycled: false)
        case .recycleFile: unlinked(event, isRecycled: true)
        case .unlinkSpare: unlinkedSpare(owner, event.outcome)
        case .openForScrub: openedForScrub(owner, event.outcome)
        case .scrubMetadata, .scrubData: readForScrub(owner, kind, event)
        case .closeScrub: closedScrub(owner)
        }
    }

    private mutating func receive(_ message: Mail) {
        switch message {
        case .keys(let ring): keys = ring
        case .delete(let deletion): delete(deletion)
        case .scrub(let block): scrub(block)
        case .scrubFrom(let cursors): resumeScrubs(cursors)
        case .fenced(let isFenced): self.isFenced = isFenced
        case .room(let room):
            for index in devices.indices where index < room.count { saw(room[index], index) }
        case .spares(let device, let spares): takeSpares(device, spares)
        case .deviceFailed(let device, let reason):
            isFailureTold[device] = true
            failDevice(device, reason: reason)
        case .reportAll(let report):
            for (block, record) in index.records { observer.blockChanged(block, record) }
            observer.reportCompleted(report)
        case .stop: stop()
        }
    }

    /// Sets a block's record and tells the namenode's agent.
    mutating func record(_ block: BlockID, _ record: BlockRecord) {
        if record.state == .gone { index.remove(block) } else { index.set(block, record) }
        observer.blockChanged(block, record)
    }

    /// A copy of the counts with what is open now.
    public var snapshot: DatanodeCounters {
        var copy = counters
        copy.reactor = share.number
        copy.connectionsOpen = connections.count
        copy.writeStreamsOpen = streams.count
        copy.payloadBuffersFree = payloads.free
        copy.ring = reactor.counters
        return copy
    }

    /// Nanoseconds from now.
    func deadline(_ span: UInt64) -> UInt64 { reactor.now &+ span }

    // A call that only borrows `self` copies all of it to the stack first, a kilobyte a call: what
    // every frame asks is inlined, or is `mutating` and gets an address.

    @inline(__always)
    func memory(of connection: Int32) -> UnsafeMutableRawPointer {
        connectionMemory + Int(connection) * Connection.memoryBytes
    }

    /// Where a connection's control payload is received.
    @inline(__always)
    mutating func received(of connection: Int32) -> UnsafeMutableRawPointer {
        memory(of: connection) + connections.at(connection).pointee.receivedOffset
    }

    /// Where a buffer's payload begins when its offset is at the start of a page.
    @inline(__always)
    func page(of buffer: Int32) -> UnsafeMutableRawPointer {
        payloads.memory(buffer) + Budget.prefixBytes
    }
}
