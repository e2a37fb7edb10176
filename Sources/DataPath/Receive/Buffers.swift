import Reactor
import Transport
import Wire

/// The registered memory of a reactor, cut into buffers: who holds them, what is in them, and who
/// waits for one.
///
/// A payload buffer counts in the window of its write stream, if it has one. So there are as many
/// ways to give one back as there are places to do it from:
///
/// - `Buffers.giveBack`: it counts for no stream (reads, the scrub, copies that are compared).
/// - `Core.giveBack(_:of:)`: the caller has the stream at hand, and its window gets the room.
/// - `Datanode.releaseThenSettle`: the buffer says which stream it is, if any. It alone ends a
///   stream that was ending and waited for this buffer; after the others the caller does.
struct Buffers: ~Copyable {
    private let region: BufferRegion
    /// The transport holds and gives back through it what it sends.
    var payloads: BufferPool
    private var metadata: BufferPool
    /// One record per payload buffer.
    private let slots: UnsafeMutablePointer<FrameSlot>
    /// Payload buffers with parts of reads' answers in them.
    private(set) var heldByReads = 0

    /// Connections by index, readers behind them.
    private var payloadWaiters: WaitList
    /// Streams by index, readers behind them.
    private var metadataWaiters: WaitList
    private let connections: Int
    private let streams: Int

    /// Whoever waits for a buffer, by index.
    enum Waiter {
        case connection(ConnectionIndex)
        case stream(StreamIndex)
        case reader(ReaderIndex)
    }

    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered.
    init<Ring: RingBackend & ~Copyable>(
        _ settings: DatanodeSettings, registeredWith ring: inout Ring
    ) throws(RingFailure) {
        let budget = settings.budget
        let region = try BufferRegion(
            byteCount: budget.regionBytes, hugePages: settings.usesHugePages)
        try ring.register(region: region.bytes)
        let base = region.bytes.baseAddress.unsafelyUnwrapped
        payloads = BufferPool(
            memory: base, stride: budget.payloadStride, count: budget.payloadBuffers)
        metadata = BufferPool(
            memory: base + budget.payloadBuffers * budget.payloadStride,
            stride: Budget.metadataStride, count: budget.metadataBuffers)
        slots = .allocate(capacity: budget.payloadBuffers)
        slots.initialize(repeating: FrameSlot(), count: budget.payloadBuffers)
        payloadWaiters = WaitList(places: budget.connections + budget.readStreams)
        metadataWaiters = WaitList(places: budget.writeStreams + budget.readStreams)
        connections = budget.connections
        streams = budget.writeStreams
        self.region = region
    }

    deinit { slots.deallocate() }

    /// What pages they lie in.
    var pages: BufferRegion.Pages { region.pages }

    // A call that only borrows a large value copies it to the stack first: what every frame asks is
    // inlined, or is `mutating` and gets an address.

    // MARK: Payload

    var freePayloads: Int {
        @inline(__always) get { payloads.free }
    }

    /// Half of a pool is free: whoever is nobody's first care may take one.
    var isHalfOfPayloadsFree: Bool { payloads.free > payloads.count / 2 }
    var isHalfOfMetadataFree: Bool { metadata.free > metadata.count / 2 }

    /// What a payload buffer holds, beside its bytes.
    subscript(buffer: BufferIndex) -> FrameSlot {
        @inline(__always) _read { yield slots[buffer.place] }
        @inline(__always) nonmutating _modify { yield &slots[buffer.place] }
    }

    /// A buffer with one hold; `nil`: all are held.
    @inline(__always)
    mutating func takePayload(for slot: FrameSlot) -> BufferIndex? {
        guard let buffer = payloads.take() else { return nil }
        slots[buffer.place] = slot
        if slot.isRead { heldByReads += 1 }
        return buffer
    }

    @inline(__always)
    mutating func hold(_ buffer: BufferIndex) { payloads.hold(buffer) }

    /// One holder less.
    /// - Returns: the write stream in whose window the last one made room.
    mutating func release(_ buffer: BufferIndex) -> StreamIndex? {
        guard payloads.release(buffer) else { return nil }
        if slots[buffer.place].isRead {
            slots[buffer.place].isRead = false
            heldByReads -= 1
            precondition(heldByReads >= 0, "what a read held comes back once")
        }
        guard let stream = slots[buffer.place].stream else { return nil }
        slots[buffer.place].stream = nil
        return stream
    }

    /// As `release`, for whoever is no write stream.
    mutating func giveBack(_ buffer: BufferIndex) {
        let stream = release(buffer)
        precondition(stream == nil, "a stream hears when its window has room")
    }

    /// Where a buffer's payload begins when its offset is at the start of a page.
    @inline(__always)
    func page(of buffer: BufferIndex) -> UnsafeMutableRawPointer {
        payloads.memory(buffer) + Budget.prefixBytes
    }

    /// Where a frame's payload lies: at its place inside a page, so that the device can take it
    /// from there.
    @inline(__always)
    func payload(_ header: FrameHeader, in buffer: BufferIndex) -> UnsafeMutableRawPointer {
        page(of: buffer) + Int(header.offset % 4096)
    }

    /// Every piece of a frame against its checksum, in the buffer where the device and the
    /// successor will take it from.
    mutating func hasGoodPieces(_ buffer: BufferIndex) -> Bool {
        var start = self[buffer].header.offset
        let end = start + UInt64(self[buffer].header.payloadLength)
        var memory = UnsafeRawPointer(page(of: buffer) + Int(start % 4096))
        for index in 0..<Int(self[buffer].header.pieceCount) {
            let piece = Piece(from: start, to: end)
            let checksum = CRC32C.of(memory, count: Int(piece.length))
            guard checksum == self[buffer].header.pieces[index] else { return false }
            memory += Int(piece.length)
            start = piece.end
        }
        return true
    }

    // MARK: Metadata

    mutating func takeMetadata() -> BufferIndex? { metadata.take() }

    mutating func releaseMetadata(_ buffer: BufferIndex) {
        let isFree = metadata.release(buffer)
        precondition(isFree, "a metadata buffer has one holder")
    }

    @inline(__always)
    func metadata(_ buffer: BufferIndex) -> UnsafeMutableRawPointer { metadata.memory(buffer) }

    // MARK: Waiting

    /// It is served in its turn. `false`: it waits already.
    @discardableResult
    mutating func enqueue(_ waiter: Waiter) -> Bool {
        switch waiter {
        case .connection(let index): payloadWaiters.add(index.place)
        case .reader(let index): payloadWaiters.add(connections + index.place)
        case .stream: preconditionFailure("a stream's payload is received by its connection")
        }
    }

    mutating func enqueueForMetadata(_ waiter: Waiter) {
        switch waiter {
        case .stream(let index): metadataWaiters.add(index.place)
        case .reader(let index): metadataWaiters.add(streams + index.place)
        case .connection: preconditionFailure("what describes a block is read for a stream")
        }
    }

    var waiting: Int { payloadWaiters.count }

    /// Who is to have the next payload buffer, while there is one. Who is asked in vain waits
    /// again, behind the others.
    mutating func nextForPayload() -> Waiter? {
        guard payloads.free > 0, let place = payloadWaiters.popFirst() else { return nil }
        return place < connections
            ? .connection(ConnectionIndex(place)) : .reader(ReaderIndex(place - connections))
    }

    mutating func nextForMetadata() -> Waiter? {
        guard metadata.free > 0, let place = metadataWaiters.popFirst() else { return nil }
        return place < streams ? .stream(StreamIndex(place)) : .reader(ReaderIndex(place - streams))
    }

    // MARK: What holds

    /// Payload and metadata buffers that nobody holds.
    var free: (payload: Int, metadata: Int) { (payloads.free, metadata.free) }

    /// - Parameter isIdle: nothing is open that could hold one.
    mutating func checkInvariants(_ budget: Budget, isIdle: Bool) {
        precondition(heldByReads >= 0 && heldByReads <= budget.readBuffers, "reads have a half")
        precondition(heldByReads <= payloads.count - payloads.free, "what is held is not free")
        guard isIdle else { return }
        let isFree = payloads.free == payloads.count && metadata.free == metadata.count
        precondition(isFree, "all buffers are back")
        precondition(heldByReads == 0, "nobody is left to count for")
    }
}
