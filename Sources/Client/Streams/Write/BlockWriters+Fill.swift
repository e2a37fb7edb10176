import CURing
import Glibc
import Reactor
import Wire

// Steps 1 and 2 of a write: bytes come into a slot, from the source through the ring or from the
// owner, and are summed.
extension BlockWriters where Ring: ~Copyable {
    /// Begins as many fills as window, slots and source allow.
    mutating func feed(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        guard !entry.pointee.isEnding else { return }
        while let count = entry.pointee.nextFill(core.settings) {
            guard entry.pointee.request.source != nil else {
                // The owner fills: the slot is taken when the event is.
                entry.pointee.wantsPayload = true
                return core.news.add(.write(write))
            }
            guard let slot = core.takeSlot(for: .write(write)) else { return }
            reserve(write, slot, count, &core)
            startFill(write, slot, &core)
        }
    }

    /// There is a slot for who waited, if it is still here. `true`: the owner takes it later, with
    /// the event.
    mutating func hasSlot(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> Bool {
        guard isUsed(write) else { return false }
        feed(write, &core)
        return at(write).pointee.request.source == nil
    }

    /// A slot becomes the block's next frame.
    private mutating func reserve(
        _ write: WriteIndex, _ slot: BufferIndex, _ count: Int, _ core: inout StreamCore<Ring>
    ) {
        core.slots[slot] = at(write).pointee.reserve(slot, count, as: write)
        // The window's hold and the fill's.
        if at(write).pointee.hasKnownLength { core.slots.hold(slot) }
    }

    private mutating func startFill(
        _ write: WriteIndex, _ slot: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(write)
        guard let source = entry.pointee.request.source else { return }
        let record = core.slots[slot]
        let isPositional = source.position != nil
        entry.pointee.pending += 1
        entry.pointee.fillToken = core.reactor.start(
            .read(
                .plain(source.descriptor), core.slots.payload(of: slot) + record.done,
                count: record.wanted - record.done,
                offset: isPositional ? record.position + UInt64(record.done) : .max,
                registered: core.slots.isRegistered && isPositional),
            OperationContext(
                kind: EngineOperation.fill.rawValue, owner: write.owner, buffer: slot))
    }

    mutating func didFill(_ write: WriteIndex, _ event: Event, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        let slot = event.operation.itsBuffer
        entry.pointee.pending -= 1
        guard !entry.pointee.isEnding else {
            core.slots.release(slot)
            return removeIfSettled(write, &core)
        }
        // A caller's descriptor may be anything, so no errno is our own fault here.
        switch event.result {
        case 1...:
            core.slots[slot].done += Int(event.result)
            if core.slots[slot].done < core.slots[slot].wanted {
                startFill(write, slot, &core)
            } else {
                filled(write, slot, &core)
            }
        case 0: sourceEnded(write, slot, &core)
        case -EINTR, -EAGAIN: startFill(write, slot, &core)
        default: fillFailed(write, slot, .source(-event.result), &core)
        }
    }

    private mutating func sourceEnded(
        _ write: WriteIndex, _ slot: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let end = core.slots[slot].header.offset + UInt64(core.slots[slot].done)
        guard !at(write).pointee.hasKnownLength else {
            return fillFailed(write, slot, .sourceEnded(end), &core)
        }
        at(write).pointee.endSource(at: end)
        filled(write, slot, &core)
    }

    /// There is nothing more to send.
    private mutating func fillFailed(
        _ write: WriteIndex, _ slot: BufferIndex, _ failure: StreamFailure,
        _ core: inout StreamCore<Ring>
    ) {
        at(write).pointee.fillFailed()
        core.slots.release(slot)
        fail(write, failure, &core)
    }

    /// The slot has what it will have: sum it, and let it be sent.
    private mutating func filled(
        _ write: WriteIndex, _ slot: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(write)
        let count = core.slots[slot].done
        if count > 0 {
            core.slots[slot].header.payloadLength = UInt32(count)
            core.slots[slot].header.sumPieces(core.slots.payload(of: slot))
        }
        entry.pointee.filled(slot, count)
        // The fill's hold; of a frame that the window took just now it is the window's.
        if entry.pointee.hasKnownLength || count == 0 { core.slots.release(slot) }
        if entry.pointee.hasFilled { core.news.add(.write(write)) }
        feed(write, &core)
        pump(write, &core)
    }

    /// The bytes that were peeked are the beginning of the first frame.
    mutating func takePeeked(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        guard let (slot, count) = at(write).pointee.request.peeked else { return }
        guard let wanted = at(write).pointee.nextFill(core.settings) else {
            preconditionFailure("a new write takes a frame")
        }
        precondition(count <= wanted, "what was peeked fits the first frame")
        reserve(write, slot, wanted, &core)
        core.slots[slot].done = count
        if count == wanted { filled(write, slot, &core) } else { startFill(write, slot, &core) }
    }

    // MARK: By the owner

    /// Asks the owner for a frame's bytes, when there is a slot for them.
    mutating func grant(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> StreamEvent? {
        let entry = at(write)
        guard entry.pointee.wantsPayload else { return nil }
        entry.pointee.wantsPayload = false
        guard let count = entry.pointee.nextFill(core.settings),
            let slot = core.takeSlot(for: .write(write))
        else { return nil }
        let offset = entry.pointee.reserved
        reserve(write, slot, count, &core)
        if entry.pointee.nextFill(core.settings) != nil {
            entry.pointee.wantsPayload = true
            core.news.add(.write(write))
        }
        return .wantsPayload(
            WriteID(index: write), slot: slot, offset: offset,
            memory: UnsafeMutableRawBufferPointer(
                start: core.slots.payload(of: slot), count: count))
    }

    mutating func provide(
        _ write: WriteIndex, _ slot: BufferIndex, count: Int, _ core: inout StreamCore<Ring>
    ) {
        let record = core.slots[slot]
        precondition(record.write == write && count > 0 && count <= record.wanted, "a fill")
        if at(write).pointee.hasKnownLength {
            precondition(count == record.wanted, "a known length is kept")
        } else {
            at(write).pointee.shorten(to: record.header.offset + UInt64(count))
        }
        core.slots[slot].done = count
        filled(write, slot, &core)
    }

    mutating func decline(
        _ write: WriteIndex, _ slot: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        precondition(!at(write).pointee.hasKnownLength, "a known length is kept")
        at(write).pointee.endSource(at: core.slots[slot].header.offset)
        core.slots[slot].done = 0
        filled(write, slot, &core)
    }
}
