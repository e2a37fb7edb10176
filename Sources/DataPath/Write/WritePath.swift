import Glibc
import Reactor
import Wire

/// The blocks of a reactor that are open for writing, and what is done to them that touches no
/// connection: frames find their place (3), the device takes them (4), the file says what it holds.
///
/// What follows from a completion comes back as `Next`: the path's one list (`Datanode.proceed`)
/// decides what goes on, and whoever has the connections tells the writer.
struct WritePath<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var streams: Slab<WriteStream>
    /// Frames beyond a gap, over all streams.
    var heldFrames = 0
    var syncs: Syncs<Ring>

    init(_ budget: Budget, devices count: Int) {
        streams = Slab(capacity: budget.writeStreams)
        syncs = Syncs(devices: count)
    }

    /// What follows for a stream from what its file or its frames did.
    enum Next {
        case nothing
        /// Whatever may go on now does.
        case proceed
        /// It is ending: it may be settled now.
        case settle
        /// A sealed block's checksums are known: what waited for them may be taken up.
        case loaded
        /// The seal has come so far on this node.
        case sealed(Level)
        case flushed
        /// The device is sound, but the block cannot be opened on it.
        case refused(Status)
        /// Somebody else's block lies under this number.
        case foreign
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
    mutating func insert(_ stream: consuming WriteStream) -> StreamIndex? { streams.insert(stream) }

    /// Bytes that the open blocks of a device may still take of fresh files.
    func owed(to device: Int) -> UInt64 {
        var open: UInt64 = 0
        for stream in 0..<Int32(capacity)
        where isUsed(stream) && at(stream).pointee.device == device {
            let claimed = at(stream).pointee.claimed
            open += claimed - min(claimed, at(stream).pointee.hwm)
        }
        return open
    }

    /// Tells how far the open blocks are, for INFO: those that moved since the last time.
    func report(_ core: inout Core<Ring>) {
        for stream in 0..<Int32(capacity) where isUsed(stream) {
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
    mutating func settle(_ stream: StreamIndex) -> Bool {
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

    /// What came of a frame on its way to the device. `nil`: it is still on its way; otherwise the
    /// device lets go of the buffer.
    mutating func wrote(_ stream: StreamIndex, _ event: Event, _ core: inout Core<Ring>) -> Next? {
        let buffer = event.operation.buffer
        let isLive = settle(stream)
        switch core.buffers[buffer].transfer.take(event.outcome) {
        case .whole: break
        case .more:
            guard !isLive else {
                write(stream, buffer, &core)
                return nil
            }
        case .short: return failed(stream, .failed(EIO), isLive: isLive)
        case .failed: return failed(stream, event.outcome, isLive: isLive)
        }
        core.counters.bytesWritten &+= UInt64(core.buffers[buffer].header.payloadLength)
        at(stream).pointee.writes.finish(buffer: buffer)
        return isLive ? .proceed : .settle
    }

    private func failed(_ stream: StreamIndex, _ outcome: Outcome, isLive: Bool) -> Next {
        guard !isLive else { return .failed(outcome) }
        guard case .failed = outcome else { return .settle }
        return .deviceLost(device: at(stream).pointee.device, outcome)
    }

    // MARK: Flushes and seals

    /// A flush begins, then the seal, when their bytes are on the device.
    mutating func beginAccounts(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream) else { return }
        entry.pointee.beginFlush()
        if entry.pointee.beginSeal() { _ = perform(entry.pointee.file.sync(), stream, &core) }
    }

    // MARK: Ending

    /// A stream whose file is closed, and that is gone.
    struct End {
        let block: BlockID
        let device: Int
        /// The namenode wants its file to go.
        let isUnlinking: Bool
    }

    /// Closes the file and frees the stream once no operation and no buffer names it.
    mutating func endIfSettled(_ stream: StreamIndex, _ core: inout Core<Ring>) -> End? {
        guard isUsed(stream) else { return nil }
        let entry = at(stream)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, entry.pointee.frames == 0 else {
            return nil
        }
        if let buffer = entry.pointee.file.takeBuffer() { core.buffers.releaseMetadata(buffer) }
        let action = entry.pointee.endFile()
        guard case .closed = action else {
            _ = perform(action, stream, &core)
            return nil
        }
        let end = End(
            block: entry.pointee.block, device: entry.pointee.device,
            isUnlinking: entry.pointee.isUnlinking)
        core.blocks.free(entry.pointee.reserved, on: end.device)
        core.blocks.close(end.block)
        streams.remove(stream)
        return end
    }

    // MARK: What holds

    func checkInvariants(_ budget: Budget, isIdle: Bool) {
        var held = 0
        for stream in 0..<Int32(capacity) where isUsed(stream) {
            at(stream).pointee.checkInvariants()
            held += at(stream).pointee.held.count
        }
        precondition(heldFrames == held && held <= budget.heldFrames, "who is held is counted")
        syncs.checkInvariants(isIdle: isIdle)
    }
}
