import FoundationEssentials
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
/// (1) -> verify (2) -> drain (3).
package struct StreamEngine<Ring: RingBackend & ~Copyable>: ~Copyable {
    var transport: Transport<Ring, StreamRole>
    package let settings: EngineSettings
    /// Whether the ring has registered the slots.
    package let isRegistered: Bool

    let region: BufferRegion
    var slots: BufferPool
    let records: UnsafeMutablePointer<SlotRecord>

    /// To datanodes.
    package internal(set) var openConnections = 0
    var writes: Slab<BlockWriter>
    var reads: Slab<BlockReader>

    /// Streams with something to tell, each at most once: writes by index, reads by complement.
    var tellers: FixedRing<Int32>
    /// Who waits for a slot: writes by index, connections of reads behind them.
    var slotWaiters: WaitList

    var controls: Slab<ControlLink>
    var calls: Slab<ControlCall>
    let controlMemory: UnsafeMutableRawPointer
    /// Control connections with something to tell, and those with something to send.
    var controlTellers: FixedRing<ControlIndex>
    var controlSenders: FixedRing<ControlIndex>
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
        case done(BufferIndex, Int)
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
        writes = Slab(capacity: settings.writes)
        reads = Slab(capacity: settings.reads)
        tellers = FixedRing(capacity: settings.writes + settings.reads)
        let controls = max(1, settings.controls)
        slotWaiters = WaitList(places: settings.writes + settings.connections + controls)
        self.controls = Slab(capacity: controls)
        calls = Slab(capacity: settings.calls)
        controlMemory = .allocate(
            byteCount: controls * ControlLink.receiveBytes, alignment: 64)
        controlTellers = FixedRing(capacity: controls)
        controlSenders = FixedRing(capacity: controls)
        transport = Transport(
            ring: ring, connections: settings.connections + controls,
            memoryBytes: ConnectionMemory.streamBytes, operations: settings.operations,
            timers: settings.timers)
        self.region = region
        self.settings = settings
        self.isRegistered = isRegistered
    }

    deinit {
        records.deallocate()
        controlMemory.deallocate()
    }

    /// One turn: waits at most until `limit` (nanoseconds on the ring's clock) for something to do,
    /// and does it.
    /// - Returns: how many completions and deadlines there were.
    @discardableResult
    package mutating func turn(waitUntil limit: UInt64) -> Int {
        sendCalls()
        var handled = transport.reactor.turn(waitUntil: hasNews ? 0 : limit)
        while let event = transport.reactor.next() { handle(event) }
        while let expiry = transport.nextExpired() {
            expire(expiry)
            handled += 1
        }
        serveSlotWaiters()
        return handled
    }

    package var now: UInt64 { transport.reactor.now }
    /// When a turn is wanted though nothing completes.
    package var nextDeadline: UInt64? { transport.reactor.timers.nextDeadline }
    package var freeSlots: Int { slots.free }

    /// Ends everything; `turn` until `isIdle`.
    package mutating func stop() {
        for index in 0..<Int32(writes.capacity) where writes.isUsed(index) { endWrite(index) }
        for index in 0..<Int32(reads.capacity) where reads.isUsed(index) { endRead(index) }
        for index in 0..<Int32(controls.capacity) where controls.isUsed(index) {
            endControl(index)
        }
        for index in 0..<Int32(transport.capacity) where transport.isUsed(index) {
            if case .control = transport.at(index).role.owner { continue }
            close(index)
        }
        if case .done(let slot, _) = peek, slot >= 0 { releaseSlot(slot) }
        guard case .running = peek else {
            peek = .none
            return
        }
        transport.reactor.cancel(peekToken)
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
        return transport.count == 0 && writes.count == 0 && reads.count == 0
            && controls.count == 0
    }

    private mutating func handle(_ event: Event) {
        let owner = Int32(bitPattern: event.operation.owner)
        guard !ConnectionOperation.isKind(event.operation.kind) else {
            return heard(owner, transport.handle(event, &slots))
        }
        switch EngineOperation(rawValue: event.operation.kind) {
        case .fill: filled(owner, event)
        case .drain: drained(owner, event)
        case .peek: peekCompleted(event)
        case .sendControl, .sendData, nil:
            preconditionFailure("an operation of no known kind")
        }
    }

    /// A deadline passed: of a write, of a read behind them, or of a control connection last.
    private mutating func expire(_ expiry: Transport<Ring, StreamRole>.Expiry) {
        guard case .timer(let timer) = expiry else {
            preconditionFailure("streams have deadlines, and their connections none")
        }
        counters.deadlinesMissed &+= 1
        let index = Int32(timer)
        let streams = Int32(settings.writes + settings.reads)
        if index < Int32(writes.capacity) {
            writeExpired(index)
        } else if index < streams {
            readExpired(index - Int32(writes.capacity))
        } else {
            controlExpired(index - streams)
        }
    }

    /// Where a slot's payload begins.
    func payload(of slot: BufferIndex) -> UnsafeMutableRawPointer {
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
