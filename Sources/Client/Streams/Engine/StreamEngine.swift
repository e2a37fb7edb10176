import FoundationEssentials
import Reactor
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
/// (1) -> verify (2) -> drain (3).
package struct StreamEngine<Ring: RingBackend & ~Copyable>: ~Copyable {
    package var reactor: Reactor<Ring>
    package let settings: EngineSettings
    /// Whether the ring has registered the slots.
    package let isRegistered: Bool

    let region: BufferRegion
    var slots: BufferPool
    let records: UnsafeMutablePointer<SlotRecord>
    let connectionMemory: UnsafeMutableRawPointer

    var connections: Slab<StreamConnection>
    /// Open connections without a stream, and the one that had one last.
    var idleConnections = 0
    var lastFreed: Int32 = 0
    var writes: Slab<BlockWriter>
    var reads: Slab<BlockReader>

    /// Streams with something to tell, each at most once: writes by index, reads by complement.
    var tellers: FixedRing<Int32>
    /// Who waits for a slot, each at most once: writes by index, connections of reads by
    /// complement.
    var slotWaiters: FixedRing<Int32>

    var controls: Slab<ControlLink>
    var calls: Slab<ControlCall>
    let controlMemory: UnsafeMutableRawPointer
    /// Control connections with something to tell, and those with something to send.
    var controlTellers: FixedRing<Int32>
    var controlSenders: FixedRing<Int32>
    /// Who this engine is to namenodes.
    let controlClientData = Data(ClientID.random().bytes)
    var lastCall: UInt64 = 0

    /// Of the challenges to nodes.
    var random: ChallengeRandom

    var peek = Peek.none
    var peekToken = OperationToken.nobody
    package internal(set) var counters = EngineCounters()

    /// The one read ahead of any block, to learn whether a source has more bytes.
    enum Peek {
        case none, running
        /// The slot, or -1, and the bytes in it.
        case done(Int32, Int)
        case failed(Int32)
    }

    /// - Parameters:
    ///   - ring: made on the thread that will call `turn`.
    ///   - random: nobody outside must be able to foretell it.
    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered and must be.
    package init(
        ring: consuming Ring, settings: EngineSettings,
        random: ChallengeRandom = ChallengeRandom()
    ) throws(RingFailure) {
        settings.check()
        self.random = random
        let region = try BufferRegion(byteCount: settings.slots * settings.slotBytes)
        var ring = ring
        var isRegistered = true
        do throws(RingFailure) {
            try ring.register(region: region.bytes)
        } catch {
            // Locked memory is counted per user, and another process of the same user may have it
            // all.
            guard !settings.mustRegister else { throw error }
            isRegistered = false
        }
        slots = BufferPool(
            memory: region.bytes.baseAddress.unsafelyUnwrapped, stride: settings.slotBytes,
            count: settings.slots)
        records = .allocate(capacity: settings.slots)
        records.initialize(repeating: SlotRecord(), count: settings.slots)
        connectionMemory = .allocate(
            byteCount: settings.connections * StreamConnection.memoryBytes, alignment: 64)
        connections = Slab(capacity: settings.connections)
        writes = Slab(capacity: settings.writes)
        reads = Slab(capacity: settings.reads)
        tellers = FixedRing(capacity: settings.writes + settings.reads)
        slotWaiters = FixedRing(capacity: settings.writes + settings.connections)
        let controls = max(1, settings.controls)
        self.controls = Slab(capacity: controls)
        calls = Slab(capacity: settings.calls)
        controlMemory = .allocate(
            byteCount: controls * ControlLink.receiveBytes, alignment: 64)
        controlTellers = FixedRing(capacity: controls)
        controlSenders = FixedRing(capacity: controls)
        reactor = Reactor(ring: ring, operations: settings.operations, timers: settings.timers)
        self.region = region
        self.settings = settings
        self.isRegistered = isRegistered
    }

    deinit {
        records.deallocate()
        connectionMemory.deallocate()
        controlMemory.deallocate()
    }

    /// One turn: waits at most until `limit` (nanoseconds on the ring's clock) for something to do,
    /// and does it.
    /// - Returns: how many completions and deadlines there were.
    @discardableResult
    package mutating func turn(waitUntil limit: UInt64) -> Int {
        sendCalls()
        var handled = reactor.turn(waitUntil: hasNews ? 0 : limit)
        while let event = reactor.next() { handle(event) }
        while let owner = reactor.nextExpired() {
            expire(owner)
            handled += 1
        }
        serveSlotWaiters()
        return handled
    }

    package var now: UInt64 { reactor.now }
    package var freeSlots: Int { slots.free }
    package var openConnections: Int { connections.count }

    /// Ends everything; `turn` until `isIdle`.
    package mutating func stop() {
        for index in 0..<Int32(writes.capacity) where writes.isUsed(index) { endWrite(index) }
        for index in 0..<Int32(reads.capacity) where reads.isUsed(index) { endRead(index) }
        for index in 0..<Int32(connections.capacity) where connections.isUsed(index) {
            close(index)
        }
        for index in 0..<Int32(controls.capacity) where controls.isUsed(index) {
            endControl(index)
        }
        if case .done(let slot, _) = peek, slot >= 0 { releaseSlot(slot) }
        guard case .running = peek else {
            peek = .none
            return
        }
        reactor.cancel(peekToken)
    }

    /// Ends everything and waits until the kernel has let go of every buffer.
    package mutating func shutDown() {
        stop()
        let end = now + Self.patience
        while !isIdle, now < end {
            // Who has something to tell is there until it is taken.
            while nextEvent() != nil {}
            turn(waitUntil: end)
        }
    }

    /// How long the last operations may take to come back, nanoseconds.
    private static var patience: UInt64 { 2_000_000_000 }

    /// Nothing is open and nothing but the wake-up is in the kernel's hands.
    package var isIdle: Bool {
        if case .running = peek { return false }
        return connections.count == 0 && writes.count == 0 && reads.count == 0
            && controls.count == 0
    }

    private mutating func handle(_ event: Event) {
        guard let kind = EngineOperation(rawValue: event.operation.kind) else {
            preconditionFailure("an operation of no known kind")
        }
        let owner = Int32(bitPattern: event.operation.owner)
        switch kind {
        case .makeSocket: madeSocket(owner, event.outcome)
        case .connect: connected(owner, event.outcome)
        case .receiveHeader: receivedHeader(owner, event.outcome)
        case .receiveAnswer: receivedAnswer(owner, event.outcome)
        case .receivePayload: receivedPayload(owner, event)
        case .send: sent(owner, event)
        case .closeSocket: closedSocket(owner)
        case .fill: filled(owner, event)
        case .drain: drained(owner, event)
        case .peek: peekCompleted(event)
        case .makeControlSocket: madeControlSocket(owner, event.outcome)
        case .connectControl: connectedControl(owner, event.outcome)
        case .receiveControl: receivedControl(owner, event.outcome)
        case .sendControl: sentControl(owner, event.outcome)
        case .closeControl: controls.remove(owner)
        }
    }

    /// A deadline passed: of a write, of a read behind them, or of a control connection last.
    private mutating func expire(_ owner: UInt32) {
        let index = Int32(owner)
        let streams = Int32(settings.writes + settings.reads)
        counters.deadlinesMissed &+= 1
        if index < Int32(writes.capacity) {
            writeExpired(index)
        } else if index < streams {
            readExpired(index - Int32(writes.capacity))
        } else {
            controlExpired(index - streams)
        }
    }

    func deadline(_ span: UInt64) -> UInt64 { reactor.now &+ span }

    func memory(of connection: Int32) -> UnsafeMutableRawPointer {
        connectionMemory + Int(connection) * StreamConnection.memoryBytes
    }

    /// Where a slot's payload begins.
    func payload(of slot: Int32) -> UnsafeMutableRawPointer {
        slots.memory(slot) + EngineSettings.prefixBytes
    }
}

/// Plain counts of one engine.
package struct EngineCounters: Sendable, BitwiseCopyable {
    package var framesSent: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var framesResent: UInt64 = 0
    package var acksReceived: UInt64 = 0
    package var flushesSent: UInt64 = 0
    package var framesReceived: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var readsHedged: UInt64 = 0
    package var connectionsMade: UInt64 = 0
    package var connectionsReused: UInt64 = 0
    package var deadlinesMissed: UInt64 = 0
    package var slotWaits: UInt64 = 0
}
