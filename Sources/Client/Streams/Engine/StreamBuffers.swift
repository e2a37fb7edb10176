import Reactor
import Transport
import Wire

/// What is known of a payload buffer, beside its bytes.
struct BufferRecord: BitwiseCopyable {
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

/// The registered memory of an engine, cut into payload buffers: who holds them, what is in them,
/// and who waits for one.
struct StreamBuffers: ~Copyable {
    private let region: BufferRegion
    /// The transport holds and gives back through it what it sends.
    var pool: BufferPool
    private let records: UnsafeMutablePointer<BufferRecord>
    /// Whether the ring has registered them.
    let isRegistered: Bool

    /// Writes by index, connections of reads behind them.
    private var waiters: WaitList
    private let writes: Int

    /// Whoever waits for a buffer, by index.
    enum Waiter {
        case write(WriteIndex)
        case connection(ConnectionIndex)
    }

    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered and must be.
    init<Ring: RingBackend & ~Copyable>(
        _ settings: EngineSettings, registeredWith ring: inout Ring
    ) throws(RingFailure) {
        let region = try BufferRegion(byteCount: settings.buffers * settings.bufferBytes)
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
            memory: region.bytes.baseAddress.unsafelyUnwrapped, stride: settings.bufferBytes,
            count: settings.buffers)
        records = .allocate(capacity: settings.buffers)
        records.initialize(repeating: BufferRecord(), count: settings.buffers)
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

    subscript(buffer: BufferIndex) -> BufferRecord {
        @inline(__always) _read { yield records[buffer.place] }
        @inline(__always) nonmutating _modify { yield &records[buffer.place] }
    }

    /// Where a buffer's payload begins.
    @inline(__always)
    func payload(of buffer: BufferIndex) -> UnsafeMutableRawPointer {
        pool.memory(buffer) + EngineSettings.prefixBytes
    }

    /// A buffer with one hold; `nil`: all are held.
    @inline(__always)
    mutating func take() -> BufferIndex? { pool.take() }

    @inline(__always)
    mutating func hold(_ buffer: BufferIndex) { pool.hold(buffer) }

    @inline(__always)
    func holders(_ buffer: BufferIndex) -> Int { pool.holders(buffer) }

    /// One holder less.
    @inline(__always)
    mutating func release(_ buffer: BufferIndex) {
        if pool.release(buffer) { records[buffer.place].write = nil }
    }

    // MARK: A write's

    /// The frames of a write become those of another block.
    mutating func readdress(_ write: WriteIndex, to block: BlockID, _ epoch: Epoch) {
        for buffer in 0..<pool.count where records[buffer].write == write {
            records[buffer].header.block = block
            records[buffer].header.epoch = epoch
        }
    }

    /// The write is gone; the kernel may still have buffers of it.
    mutating func forget(_ write: WriteIndex) {
        for buffer in 0..<pool.count where records[buffer].write == write {
            records[buffer].write = nil
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

    /// Somebody waits for a buffer, and there is one.
    var isAwaited: Bool {
        @inline(__always) get { pool.free > 0 && !waiters.isEmpty }
    }

    /// Who is to have the next buffer, while more are free than are promised.
    mutating func nextWaiter(promised: Int) -> Waiter? {
        guard pool.free > promised, let place = waiters.popFirst() else { return nil }
        return place < writes
            ? .write(WriteIndex(place)) : .connection(ConnectionIndex(place - writes))
    }

    // MARK: What holds

    mutating func checkInvariants() {
        var held = 0
        for buffer in 0..<pool.count {
            if pool.holders(BufferIndex(buffer)) > 0 { held += 1 }
            precondition(
                records[buffer].write == nil || pool.holders(BufferIndex(buffer)) > 0,
                "a free buffer is no write's")
        }
        precondition(pool.free + held == pool.count, "what is held is not free")
    }
}
