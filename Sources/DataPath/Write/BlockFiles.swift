import Glibc
import Reactor
import Wire

/// The files of the blocks that are open for writing. Step 4 of the write path: the device takes
/// each frame from the buffer it was received into, and what the file says of itself.
///
/// `BlockFile` says what is next; here it is started, and what follows from what became of it is
/// handed back.
struct BlockFiles<Ring: RingBackend & ~Copyable>: ~Copyable {
    var syncs: Syncs<Ring>

    init(devices count: Int) { syncs = Syncs(devices: count) }

    // MARK: Operations

    mutating func start(
        _ kind: OperationKind, _ index: StreamIndex, _ stream: inout WriteStream,
        buffer: BufferIndex? = nil, _ request: Request, _ core: inout Core<Ring>
    ) {
        stream.pending += 1
        core.reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: index.owner, buffer: buffer))
    }

    // MARK: Payload

    /// Hands every frame to the device whose turn it is.
    mutating func writeNext(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard stream.file.isOpen else { return }
        while let buffer = stream.writes.nextToIssue() {
            core.buffers[buffer].transfer = core.buffers[buffer].pagesToWrite
            write(index, &stream, buffer, &core)
        }
    }

    private mutating func write(
        _ index: StreamIndex, _ stream: inout WriteStream, _ buffer: BufferIndex,
        _ core: inout Core<Ring>
    ) {
        let transfer = core.buffers[buffer].transfer
        guard !core.settings.isDeviceNull else {
            return start(
                .writeData, index, &stream, buffer: buffer, .answer(Int32(transfer.count)), &core)
        }
        let memory = core.buffers.page(of: buffer)
        start(
            .writeData, index, &stream, buffer: buffer,
            transfer.write(stream.file.descriptor, from: memory), &core)
    }

    /// What came of a frame on its way to the device.
    mutating func wrote(
        _ index: StreamIndex, _ stream: inout WriteStream, _ event: Event, _ core: inout Core<Ring>
    ) -> StreamNext {
        let buffer = event.operation.requiredBuffer
        let isLive = stream.endOperation()
        let result = core.buffers[buffer].transfer.take(event.outcome)
        if case .more = result, isLive {
            write(index, &stream, buffer, &core)
            return .nothing
        }
        switch result {
        case .whole, .more:
            core.counters.bytesWritten &+= UInt64(core.buffers[buffer].header.payloadLength)
            stream.writes.finish(buffer: buffer)
            core.giveBack(buffer, of: &stream)
            return isLive ? .proceed : .ending
        case .short:
            core.giveBack(buffer, of: &stream)
            return failed(&stream, .failed(EIO), isLive: isLive)
        case .failed:
            core.giveBack(buffer, of: &stream)
            return failed(&stream, event.outcome, isLive: isLive)
        }
    }

    private func failed(
        _ stream: inout WriteStream, _ outcome: Outcome, isLive: Bool
    ) -> StreamNext {
        guard !isLive else { return .failed(outcome) }
        guard case .failed = outcome else { return .ending }
        return .deviceLost(device: stream.device, outcome)
    }

    // MARK: Duplicates

    /// What came of a duplicate that is compared with what the device has.
    enum Compared {
        /// `ok`: the same bytes; otherwise why they are not, or are not known to be.
        case done(Status)
        /// Nobody waits for it any more.
        case stale(isLive: Bool)
    }

    /// Starts the read-back of a duplicate as soon as its bytes are on the device.
    mutating func compare(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> Compared? {
        guard let buffer = stream.duplicate.mayRead, stream.file.isOpen else { return nil }
        let frame = core.buffers[buffer]
        guard stream.writes.written >= frame.header.end else { return nil }
        guard !core.settings.isDeviceNull else { return .done(.deviceFailed) }
        guard let copy = core.buffers.takePayload(for: FrameSlot()) else {
            return .done(.busy)
        }
        core.buffers[copy].transfer = frame.pagesToRead
        stream.duplicate.read(into: copy)
        readBack(index, &stream, copy, &core)
        return nil
    }

    private mutating func readBack(
        _ index: StreamIndex, _ stream: inout WriteStream, _ copy: BufferIndex,
        _ core: inout Core<Ring>
    ) {
        let memory = core.buffers.page(of: copy)
        start(
            .readBack, index, &stream, buffer: copy,
            core.buffers[copy].transfer.read(stream.file.descriptor, into: memory),
            &core)
    }

    /// Bytes of the device were read, to be compared with a duplicate.
    mutating func didReadBack(
        _ index: StreamIndex, _ stream: inout WriteStream, _ event: Event, _ core: inout Core<Ring>
    ) -> Compared? {
        let copy = event.operation.requiredBuffer
        let isLive = stream.endOperation()
        let original = stream.duplicate.didRead()
        guard isLive, let original else {
            core.buffers.giveBack(copy)
            return .stale(isLive: isLive)
        }
        let status: Status
        switch core.buffers[copy].transfer.take(event.outcome) {
        case .more:
            stream.duplicate.read(into: copy)
            readBack(index, &stream, copy, &core)
            return nil
        case .whole: status = isSame(original, copy, &core) ? .ok : .conflict
        case .short: status = .corrupt
        case .failed: status = .deviceFailed
        }
        core.buffers.giveBack(copy)
        return .done(status)
    }

    private mutating func isSame(
        _ original: BufferIndex, _ copy: BufferIndex, _ core: inout Core<Ring>
    ) -> Bool {
        let frame = core.buffers[original]
        return memcmp(
            core.buffers.page(of: copy) + frame.shift,
            core.buffers.payload(frame.header, in: original),
            Int(frame.header.payloadLength)) == 0
    }
}
