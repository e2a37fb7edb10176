import CURing
import Glibc
import Reactor
import Wire

// Steps 1 and 2 of a write: bytes come into a buffer, from the source through the ring or from the
// owner, and are summed.
extension BlockWriters where Ring: ~Copyable {
    // MARK: 1. Fill

    /// Begins as many fills as window, buffers and source allow.
    mutating func feed(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        guard !entry.pointee.isEnding else { return }
        while let count = entry.pointee.nextFill(core.settings) {
            guard entry.pointee.request.source != nil else {
                // The owner fills: the buffer is taken when the event is.
                entry.pointee.wantsPayload = true
                return core.news.add(.write(write))
            }
            guard let buffer = core.takeBuffer(for: .write(write)) else { return }
            reserve(write, buffer, count, &core)
            startFill(write, buffer, &core)
        }
    }

    /// A buffer is free, and it is this write's turn to have it.
    /// - Returns: whether the buffer is promised and not taken yet: the owner takes it with the
    ///   event.
    mutating func bufferCame(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> Bool {
        guard isUsed(write) else { return false }
        feed(write, &core)
        return at(write).pointee.request.source == nil
    }

    /// A buffer becomes the block's next frame.
    private mutating func reserve(
        _ write: WriteIndex, _ buffer: BufferIndex, _ count: Int, _ core: inout StreamCore<Ring>
    ) {
        core.buffers[buffer] = at(write).pointee.reserve(buffer, count, as: write)
        // The window's hold and the fill's.
        if at(write).pointee.hasKnownLength { core.buffers.hold(buffer) }
    }

    private mutating func startFill(
        _ write: WriteIndex, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(write)
        guard let source = entry.pointee.request.source else { return }
        let record = core.buffers[buffer]
        let isPositional = source.position != nil
        entry.pointee.pending += 1
        entry.pointee.fillToken = core.reactor.start(
            .read(
                .plain(source.descriptor), core.buffers.payload(of: buffer) + record.done,
                count: record.wanted - record.done,
                offset: isPositional ? record.position + UInt64(record.done) : .max,
                registered: core.buffers.isRegistered && isPositional),
            OperationContext(
                kind: EngineOperation.fill.rawValue, owner: write.owner, buffer: buffer))
    }

    mutating func didFill(_ write: WriteIndex, _ event: Event, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        let buffer = event.operation.requiredBuffer
        entry.pointee.pending -= 1
        guard !entry.pointee.isEnding else {
            core.buffers.release(buffer)
            return removeIfSettled(write, &core)
        }
        // A caller's descriptor may be anything, so no errno is our own fault here.
        switch event.result {
        case 1...:
            core.buffers[buffer].done += Int(event.result)
            if core.buffers[buffer].done < core.buffers[buffer].wanted {
                startFill(write, buffer, &core)
            } else {
                filled(write, buffer, &core)
            }
        case 0: sourceEnded(write, buffer, &core)
        case -EINTR, -EAGAIN: startFill(write, buffer, &core)
        default: fillFailed(write, buffer, .source(-event.result), &core)
        }
    }

    private mutating func sourceEnded(
        _ write: WriteIndex, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let end = core.buffers[buffer].header.offset + UInt64(core.buffers[buffer].done)
        guard !at(write).pointee.hasKnownLength else {
            return fillFailed(write, buffer, .sourceEnded(end), &core)
        }
        at(write).pointee.endSource(at: end)
        filled(write, buffer, &core)
    }

    /// There is nothing more to send.
    private mutating func fillFailed(
        _ write: WriteIndex, _ buffer: BufferIndex, _ failure: StreamFailure,
        _ core: inout StreamCore<Ring>
    ) {
        at(write).pointee.fillFailed()
        core.buffers.release(buffer)
        fail(write, failure, &core)
    }

    /// The bytes that were peeked are the beginning of the first frame.
    mutating func takePeeked(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        guard let (buffer, count) = at(write).pointee.request.peeked else { return }
        guard let wanted = at(write).pointee.nextFill(core.settings) else {
            preconditionFailure("a new write takes a frame")
        }
        precondition(count <= wanted, "what was peeked fits the first frame")
        reserve(write, buffer, wanted, &core)
        core.buffers[buffer].done = count
        if count == wanted { filled(write, buffer, &core) } else { startFill(write, buffer, &core) }
    }

    // MARK: 1. Fill, by the owner

    /// Asks the owner for a frame's bytes, when there is a buffer for them.
    mutating func grant(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> StreamEvent? {
        let entry = at(write)
        guard entry.pointee.wantsPayload else { return nil }
        entry.pointee.wantsPayload = false
        guard let count = entry.pointee.nextFill(core.settings),
            let buffer = core.takeBuffer(for: .write(write))
        else { return nil }
        let offset = entry.pointee.reserved
        reserve(write, buffer, count, &core)
        if entry.pointee.nextFill(core.settings) != nil {
            entry.pointee.wantsPayload = true
            core.news.add(.write(write))
        }
        return .wantsPayload(
            WriteID(index: write), buffer: buffer, offset: offset,
            memory: UnsafeMutableRawBufferPointer(
                start: core.buffers.payload(of: buffer), count: count))
    }

    mutating func provide(
        _ write: WriteIndex, _ buffer: BufferIndex, count: Int, _ core: inout StreamCore<Ring>
    ) {
        let record = core.buffers[buffer]
        precondition(record.write == write && count > 0 && count <= record.wanted, "a fill")
        if at(write).pointee.hasKnownLength {
            precondition(count == record.wanted, "a known length is kept")
        } else {
            at(write).pointee.shorten(to: record.header.offset + UInt64(count))
        }
        core.buffers[buffer].done = count
        filled(write, buffer, &core)
    }

    mutating func decline(
        _ write: WriteIndex, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        precondition(!at(write).pointee.hasKnownLength, "a known length is kept")
        at(write).pointee.endSource(at: core.buffers[buffer].header.offset)
        core.buffers[buffer].done = 0
        filled(write, buffer, &core)
    }
    // MARK: 2. Sum

    // The pieces of a frame are summed here, when its bytes are whole; frames may become whole in
    // another order than the block's. So the block's own sum is put together from them when the
    // frames are sent (`BlockWriter.send`).

    /// The buffer has what it will have: sum it, and let it be sent.
    private mutating func filled(
        _ write: WriteIndex, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(write)
        let count = core.buffers[buffer].done
        if count > 0 {
            core.buffers[buffer].header.payloadLength = UInt32(count)
            core.buffers[buffer].header.sumPieces(core.buffers.payload(of: buffer))
        }
        entry.pointee.filled(buffer, count)
        // The fill's hold; of a frame that the window took just now it is the window's.
        if entry.pointee.hasKnownLength || count == 0 { core.buffers.release(buffer) }
        if entry.pointee.hasFilled { core.news.add(.write(write)) }
        feed(write, &core)
        pump(write, &core)
    }
}
