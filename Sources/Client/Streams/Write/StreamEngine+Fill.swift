import CURing
import Glibc
import Reactor
import Wire

// Steps 1 and 2 of a write: bytes come into a slot, from the source through the ring or from the
// owner, and are summed.
extension StreamEngine where Ring: ~Copyable {
    /// Begins as many fills as window, slots and source allow.
    mutating func feed(_ write: WriteIndex) {
        let entry = writes.at(write)
        guard !entry.pointee.isEnding else { return }
        while let count = nextFill(write) {
            guard entry.pointee.request.source != nil else {
                // The owner fills: the slot is taken when the event is.
                entry.pointee.wantsPayload = true
                return tell(write)
            }
            guard let slot = slots.take() else { return waitForSlot(write) }
            reserve(write, slot, count)
            startFill(write, slot)
        }
    }

    /// Bytes of the next frame to be filled, or `nil` when none may be begun now.
    func nextFill(_ write: WriteIndex) -> Int? {
        let entry = writes.at(write)
        let isKnown = entry.pointee.request.length != nil
        // A pipe is read in order, and what has no known length ends with the first fill that ends
        // early.
        let isPipe = entry.pointee.request.source.map { $0.position == nil } ?? false
        let most = isKnown && !isPipe ? settings.fillsAhead : 1
        // A frame of unknown length enters the window when it is filled.
        let held = entry.pointee.window.count + (isKnown ? 0 : entry.pointee.filling)
        guard !entry.pointee.isComplete, entry.pointee.filling < most,
            held < settings.windowFrames, entry.pointee.reserved < entry.pointee.request.bound
        else { return nil }
        let longest = FrameHeader.longestPayload(
            at: entry.pointee.reserved,
            packetBytes: settings.sentPacketBytes ?? settings.packetBytes)
        return Int(min(UInt64(longest), entry.pointee.request.bound - entry.pointee.reserved))
    }

    mutating func waitForSlot(_ write: WriteIndex) {
        if slotWaiters.add(write) { counters.slotWaits &+= 1 }
    }

    /// A slot becomes the block's next frame.
    mutating func reserve(_ write: WriteIndex, _ slot: BufferIndex, _ count: Int) {
        let entry = writes.at(write)
        let offset = entry.pointee.reserved
        var record = SlotRecord(write: write, wanted: count)
        record.header.block = entry.pointee.request.block
        record.header.epoch = entry.pointee.request.epoch
        record.header.offset = offset
        record.header.payloadLength = UInt32(count)
        // An offset of all ones is the descriptor's own position (io_uring_prep_read.3).
        record.position = entry.pointee.request.source?.position.map { $0 + offset } ?? .max
        records[Int(slot)] = record
        entry.pointee.filling += 1
        entry.pointee.reserved += UInt64(count)
        if entry.pointee.request.length != nil {
            entry.pointee.window.append(length: UInt32(count), buffer: slot, isReady: false)
            // The window's hold and the fill's.
            slots.hold(slot)
        }
    }

    mutating func startFill(_ write: WriteIndex, _ slot: BufferIndex) {
        let entry = writes.at(write)
        guard let source = entry.pointee.request.source else { return }
        let record = records[Int(slot)]
        let isPositional = source.position != nil
        entry.pointee.pending += 1
        entry.pointee.fillToken = transport.reactor.start(
            .read(
                .plain(source.descriptor), payload(of: slot) + record.done,
                count: record.wanted - record.done,
                offset: isPositional ? record.position + UInt64(record.done) : .max,
                registered: isRegistered && isPositional),
            OperationContext(
                kind: EngineOperation.fill.rawValue, owner: UInt32(write), buffer: slot))
    }

    mutating func filled(_ write: WriteIndex, _ event: Event) {
        let entry = writes.at(write)
        let slot = event.operation.buffer
        entry.pointee.pending -= 1
        guard !entry.pointee.isEnding else {
            releaseSlot(slot)
            return removeIfSettled(write)
        }
        // A caller's descriptor may be anything, so no errno is our own fault here.
        switch event.result {
        case 1...:
            records[Int(slot)].done += Int(event.result)
            if records[Int(slot)].done < records[Int(slot)].wanted {
                startFill(write, slot)
            } else {
                filledUp(write, slot)
            }
        case 0: sourceEnded(write, slot)
        case -EINTR, -EAGAIN: startFill(write, slot)
        default:
            entry.pointee.filling -= 1
            releaseSlot(slot)
            stopWrite(write, .source(-event.result))
        }
    }

    private mutating func sourceEnded(_ write: WriteIndex, _ slot: BufferIndex) {
        let entry = writes.at(write)
        let record = records[Int(slot)]
        guard entry.pointee.request.length == nil else {
            entry.pointee.filling -= 1
            releaseSlot(slot)
            return stopWrite(write, .sourceEnded(record.header.offset + UInt64(record.done)))
        }
        entry.pointee.isSourceEnded = true
        entry.pointee.reserved = record.header.offset + UInt64(record.done)
        filledUp(write, slot)
    }

    /// The slot has what it will have: sum it, and let it be sent.
    mutating func filledUp(_ write: WriteIndex, _ slot: BufferIndex) {
        let entry = writes.at(write)
        let count = records[Int(slot)].done
        entry.pointee.filling -= 1
        if count > 0 {
            records[Int(slot)].header.payloadLength = UInt32(count)
            records[Int(slot)].header.sumPieces(payload(of: slot))
        }
        if entry.pointee.request.length != nil {
            entry.pointee.window.markReady(slot)
            releaseSlot(slot)
        } else if count > 0 {
            entry.pointee.window.append(length: UInt32(count), buffer: slot, isReady: true)
        } else {
            releaseSlot(slot)
        }
        completeIfFilled(write)
        feed(write)
        if entry.pointee.connection >= 0 { pump(entry.pointee.connection) }
    }

    mutating func completeIfFilled(_ write: WriteIndex) {
        let entry = writes.at(write)
        guard entry.pointee.filling == 0 else { return }
        if entry.pointee.reserved == entry.pointee.request.bound || entry.pointee.isSourceEnded {
            entry.pointee.isComplete = true
            guard entry.pointee.request.source != nil else { return }
            entry.pointee.hasFilled = true
            tell(write)
        }
    }

    // MARK: Looking ahead of a block

    /// Reads a source's next bytes before there is a block for them: `peeked` or `peekFailed`
    /// follows.
    package mutating func peek(_ descriptor: Int32) {
        guard case .none = peek else { preconditionFailure("one peek at a time") }
        guard let slot = slots.take() else {
            preconditionFailure("a peek comes when no write holds every slot")
        }
        records[Int(slot)] = SlotRecord()
        peek = .running
        startPeek(descriptor, slot)
    }

    /// A peek takes few bytes, so that they fit the first frame of any block.
    package static var peekBytes: Int { 4096 }

    private mutating func startPeek(_ descriptor: Int32, _ slot: BufferIndex) {
        peekToken = transport.reactor.start(
            .read(
                .plain(descriptor), payload(of: slot),
                count: min(settings.packetBytes, Self.peekBytes), offset: .max,
                registered: false),
            OperationContext(
                kind: EngineOperation.peek.rawValue, owner: UInt32(bitPattern: descriptor),
                buffer: slot))
    }

    mutating func peekCompleted(_ event: Event) {
        let slot = event.operation.buffer
        switch event.result {
        case 1...: peek = .done(slot, Int(event.result))
        case -EINTR, -EAGAIN: startPeek(Int32(bitPattern: event.operation.owner), slot)
        case 0:
            releaseSlot(slot)
            peek = .done(-1, 0)
        default:
            releaseSlot(slot)
            peek = .failed(-event.result)
        }
    }
}
