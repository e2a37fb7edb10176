import Reactor
import Transport
import Wire

/// What a payload slot holds, beside its bytes.
struct SlotRecord: BitwiseCopyable {
    var header = FrameHeader(.data)
    /// The write whose frame it is.
    var write: WriteIndex?
    /// Bytes that were filled, or drained.
    var done = 0
    /// Bytes wanted.
    var wanted = 0
    /// Of the bytes to drain, in the payload.
    var start = 0
    /// Where they go in the sink, or come from in the source.
    var position: UInt64 = 0
}

/// The registered memory of an engine, cut into payload slots: who holds them, what is in them, and
/// who waits for one.
struct Slots: ~Copyable {
    private let region: BufferRegion
    /// The transport holds and gives back through it what it sends.
    var pool: BufferPool
    private let records: UnsafeMutablePointer<SlotRecord>
    /// Whether the ring has registered them.
    let isRegistered: Bool

    /// Writes by index, connections of reads behind them.
    private var waiters: WaitList
    private let writes: Int

    /// Whoever waits for a slot, by index.
    enum Waiter {
        case write(WriteIndex)
        case connection(ConnectionIndex)
    }

    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered and must be.
    init<Ring: RingBackend & ~Copyable>(
        _ settings: EngineSettings, registeredWith ring: inout Ring
    ) throws(RingFailure) {
        let region = try BufferRegion(byteCount: settings.slots * settings.slotBytes)
        var isRegistered = true
        do throws(RingFailure) {
            try ring.register(region: region.bytes)
        } catch {
            // Locked memory is counted per user, and another process of the same user may have it
            // all.
            guard !settings.mustRegister else { throw error }
            isRegistered = false
        }
        pool = BufferPool(
            memory: region.bytes.baseAddress.unsafelyUnwrapped, stride: settings.slotBytes,
            count: settings.slots)
        records = .allocate(capacity: settings.slots)
        records.initialize(repeating: SlotRecord(), count: settings.slots)
        waiters = WaitList(places: settings.writes + settings.places)
        writes = settings.writes
        self.isRegistered = isRegistered
        self.region = region
    }

    deinit { records.deallocate() }

    // A call that only borrows a large value copies it to the stack first: what every frame asks is
    // inlined, or is `mutating` and gets an address.

    var free: Int {
        @inline(__always) get { pool.free }
    }

    subscript(slot: BufferIndex) -> SlotRecord {
        @inline(__always) _read { yield records[slot.place] }
        @inline(__always) nonmutating _modify { yield &records[slot.place] }
    }

    /// Where a slot's payload begins.
    @inline(__always)
    func payload(of slot: BufferIndex) -> UnsafeMutableRawPointer {
        pool.memory(slot) + EngineSettings.prefixBytes
    }

    /// A slot with one hold; `nil`: all are held.
    @inline(__always)
    mutating func take() -> BufferIndex? { pool.take() }

    @inline(__always)
    mutating func hold(_ slot: BufferIndex) { pool.hold(slot) }

    @inline(__always)
    func holders(_ slot: BufferIndex) -> Int { pool.holders(slot) }

    /// One holder less.
    @inline(__always)
    mutating func release(_ slot: BufferIndex) {
        if pool.release(slot) { records[slot.place].write = nil }
    }

    // MARK: A write's

    /// The frames of a write become those of another block.
    mutating func readdress(_ write: WriteIndex, to block: BlockID, _ epoch: Epoch) {
        for slot in 0..<pool.count where records[slot].write == write {
            records[slot].header.block = block
            records[slot].header.epoch = epoch
        }
    }

    /// The write is gone; the kernel may still have slots of it.
    mutating func forget(_ write: WriteIndex) {
        for slot in 0..<pool.count where records[slot].write == write {
            records[slot].write = nil
        }
    }

    // MARK: Waiting

    /// It is served in its turn, once.
    mutating func enqueue(_ waiter: Waiter) {
        switch waiter {
        case .write(let write): waiters.add(write.place)
        case .connection(let index): waiters.add(writes + index.place)
        }
    }

    /// Somebody waits for a slot, and there is one.
    var isAwaited: Bool {
        @inline(__always) get { pool.free > 0 && !waiters.isEmpty }
    }

    /// Who is to have the next slot, while more are free than are promised.
    mutating func nextWaiter(promised: Int) -> Waiter? {
        guard pool.free > promised, let place = waiters.popFirst() else { return nil }
        return place < writes
            ? .write(WriteIndex(place)) : .connection(ConnectionIndex(place - writes))
    }

    // MARK: What holds

    mutating func checkInvariants() {
        var held = 0
        for slot in 0..<pool.count {
            if pool.holders(BufferIndex(slot)) > 0 { held += 1 }
            precondition(
                records[slot].write == nil || pool.holders(BufferIndex(slot)) > 0,
                "a free slot is no write's")
        }
        precondition(pool.free + held == pool.count, "what is held is not free")
    }
}
