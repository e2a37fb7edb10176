import Glibc
import Reactor
import Wire

/// The blocks of a reactor that are open for writing: frames are received (1) and find their place
/// (3), the device takes them (4), their successors get them (5), the file says what it holds.
///
/// What follows from a frame or a completion comes back as `Next`: the path's one list
/// (`Datanode.proceed`) decides what goes on, and `Datanode` tells the writer.
struct WritePath<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var streams: Slab<WriteStream>
    /// Frames beyond a gap, over all streams.
    var heldFrames = 0
    var syncs: Syncs<Ring>
    var successors: Successors<Ring>

    init(_ budget: Budget, devices count: Int) {
        streams = Slab(capacity: budget.writeStreams)
        syncs = Syncs(devices: count)
        successors = Successors(streams: budget.writeStreams)
    }

    /// What follows for a stream from what its file or its frames did.
    enum Next {
        case nothing
        /// Whatever may go on now does.
        case proceed
        /// As `proceed`; and what the writer sent next, and had to wait, may be taken up.
        case resume
        /// It is ending: it may be settled now.
        case ending
        /// The seal has come so far on this node.
        case sealed(Level)
        case flushed
        /// Its writer did wrong, or cannot be answered now; the block stays open.
        case refused(Status)
        /// The device is sound, but the block cannot be written here.
        case givenUp(Status)
        /// The device did not do it.
        case failed(Outcome)
        /// A sync failed, which is final.
        case syncFailed(Outcome)
        /// As one of these, for a stream that was ending.
        case deviceLost(device: Int, Outcome)
        case corrupt(ScrubFinding)
    }

    // MARK: Records

    var capacity: Int { streams.capacity }
    var count: Int { streams.count }
    var isFull: Bool { streams.isFull }

    @inline(__always)
    func at(_ stream: StreamIndex) -> UnsafeMutablePointer<WriteStream> { streams.at(stream) }

    @inline(__always)
    func isUsed(_ stream: StreamIndex) -> Bool { streams.isUsed(stream) }

    /// The stream, unless it is ending or gone.
    @inline(__always)
    func live(_ stream: StreamIndex) -> UnsafeMutablePointer<WriteStream>? {
        guard isUsed(stream), !at(stream).pointee.isEnding else { return nil }
        return at(stream)
    }

    /// `nil` at the bound.
    mutating func add(_ stream: consuming WriteStream) -> StreamIndex? { streams.insert(stream) }

    mutating func remove(_ stream: StreamIndex) { streams.remove(stream) }

    /// Bytes that the open blocks of a device may still take of fresh files.
    func owed(to device: Int) -> UInt64 {
        var open: UInt64 = 0
        for stream in 0..<StreamIndex(capacity)
        where isUsed(stream) && at(stream).pointee.device == device {
            let claimed = at(stream).pointee.claimed
            open += claimed - min(claimed, at(stream).pointee.hwm)
        }
        return open
    }

    /// Tells how far the open blocks are, for INFO: those that moved since the last time.
    func report(_ core: inout Core<Ring>) {
        for stream in 0..<StreamIndex(capacity) where isUsed(stream) {
            let entry = at(stream)
            guard var record = core.blocks[entry.pointee.block], record.state == .open,
                record.length != entry.pointee.join.own.written
            else { continue }
            record.length = entry.pointee.join.own.written
            core.blocks.record(entry.pointee.block, record)
        }
    }

    // MARK: Operations

    mutating func start(
        _ kind: OperationKind, _ stream: StreamIndex, buffer: BufferIndex = -1, _ request: Request,
        _ core: inout Core<Ring>
    ) {
        at(stream).pointee.pending += 1
        core.reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(stream), buffer: buffer))
    }

    /// An operation of a stream completed. `false`: the stream is ending and only waits for its
    /// operations.
    mutating func endOperation(of stream: StreamIndex) -> Bool {
        at(stream).pointee.pending -= 1
        return !at(stream).pointee.isEnding
    }

    // MARK: 4. Payload

    /// Hands every frame to the device whose turn it is.
    mutating func writeNext(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream), entry.pointee.file.isOpen else { return }
        while let buffer = entry.pointee.writes.nextToIssue() {
            core.buffers[buffer].transfer = core.buffers[buffer].pagesToWrite
            write(stream, buffer, &core)
        }
    }

    private mutating func write(
        _ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let transfer = core.buffers[buffer].transfer
        guard !core.settings.isDeviceNull else {
            return start(
                .writeData, stream, buffer: buffer, .answer(Int32(transfer.count)), &core)
        }
        let memory = core.buffers.page(of: buffer)
        start(
            .writeData, stream, buffer: buffer,
            transfer.write(at(stream).pointee.file.descriptor, from: memory), &core)
    }

    /// What came of a frame on its way to the device.
    mutating func wrote(_ stream: StreamIndex, _ event: Event, _ core: inout Core<Ring>) -> Next {
        let buffer = event.operation.buffer
        let isLive = endOperation(of: stream)
        let result = core.buffers[buffer].transfer.take(event.outcome)
        if case .more = result, isLive {
            write(stream, buffer, &core)
            return .nothing
        }
        switch result {
        case .whole, .more:
            core.counters.bytesWritten &+= UInt64(core.buffers[buffer].header.payloadLength)
            at(stream).pointee.writes.finish(buffer: buffer)
            core.giveBack(buffer, of: &at(stream).pointee)
            return isLive ? .proceed : .ending
        case .short:
            core.giveBack(buffer, of: &at(stream).pointee)
            return failed(stream, .failed(EIO), isLive: isLive)
        case .failed:
            core.giveBack(buffer, of: &at(stream).pointee)
            return failed(stream, event.outcome, isLive: isLive)
        }
    }

    private func failed(_ stream: StreamIndex, _ outcome: Outcome, isLive: Bool) -> Next {
        guard !isLive else { return .failed(outcome) }
        guard case .failed = outcome else { return .ending }
        return .deviceLost(device: at(stream).pointee.device, outcome)
    }

    // MARK: What holds

    mutating func checkInvariants(isIdle: Bool, _ core: inout Core<Ring>) {
        let budget = core.settings.budget
        var held = 0
        for stream in 0..<StreamIndex(capacity) where isUsed(stream) {
            let entry = at(stream)
            entry.pointee.checkInvariants()
            held += entry.pointee.held.count
            successors.checkInvariants(stream, isEnding: entry.pointee.isEnding, &core)
            if let writer = entry.pointee.upstream {
                precondition(core.transport.at(writer).role.stream == stream, "both know it")
            }
            precondition(
                core.blocks.stream(of: entry.pointee.block) == stream, "its block is open once")
        }
        precondition(heldFrames == held && held <= budget.heldFrames, "who is held is counted")
        syncs.checkInvariants(isIdle: isIdle)
    }
}
