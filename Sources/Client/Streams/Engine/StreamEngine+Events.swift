import Reactor
import Wire

// What the owner has yet to be told lies with the streams, so it is bounded by their number and
// coalesces.
extension StreamEngine where Ring: ~Copyable {
    /// The owner has something to hear before it should wait.
    var hasNews: Bool {
        switch peek {
        case .done, .failed: true
        case .none, .running:
            !tellers.isEmpty || !controlTellers.isEmpty
                || (slots.free > 0 && slotWaiters.count > 0)
        }
    }

    mutating func tell(_ write: WriteIndex) {
        guard !writes.at(write).pointee.isTeller else { return }
        writes.at(write).pointee.isTeller = true
        tellers.append(write)
    }

    mutating func tell(read: ReadIndex) {
        guard !reads.at(read).pointee.isTeller else { return }
        reads.at(read).pointee.isTeller = true
        tellers.append(~read)
    }

    /// The next event, or `nil` until the next turn.
    package mutating func nextEvent() -> StreamEvent? {
        if let event = nextPeek() { return event }
        if let event = nextControlEvent() { return event }
        while let teller = tellers.popFirst() {
            if teller >= 0 {
                writes.at(teller).pointee.isTeller = false
                if let event = nextEvent(ofWrite: teller) { return event }
            } else {
                reads.at(~teller).pointee.isTeller = false
                if let event = nextEvent(ofRead: ~teller) { return event }
            }
        }
        return nil
    }

    private mutating func nextPeek() -> StreamEvent? {
        switch peek {
        case .none, .running: return nil
        case .done(let slot, let count):
            peek = .none
            return .peeked(slot: slot, count: count)
        case .failed(let number):
            peek = .none
            return .peekFailed(number)
        }
    }

    private mutating func nextEvent(ofWrite write: WriteIndex) -> StreamEvent? {
        let entry = writes.at(write)
        let id = WriteID(index: write)
        guard !entry.pointee.isEnding else {
            removeIfSettled(write)
            return nil
        }
        if entry.pointee.hasProgress {
            entry.pointee.hasProgress = false
            tell(write)
            return .progress(id, entry.pointee.window.acked)
        }
        if entry.pointee.hasFilled {
            entry.pointee.hasFilled = false
            tell(write)
            return .filled(
                id, length: entry.pointee.reserved, isSourceEnded: entry.pointee.isSourceEnded)
        }
        if let seal = entry.pointee.seal {
            endWrite(write)
            return .sealed(id, seal)
        }
        if let failure = entry.pointee.failure {
            entry.pointee.failure = nil
            return .writeFailed(id, failure)
        }
        return grant(write)
    }

    /// Asks the owner for a frame's bytes, when there is a slot for them.
    private mutating func grant(_ write: WriteIndex) -> StreamEvent? {
        let entry = writes.at(write)
        guard entry.pointee.wantsPayload else { return nil }
        entry.pointee.wantsPayload = false
        guard let count = nextFill(write) else { return nil }
        guard let slot = slots.take() else {
            waitForSlot(write)
            return nil
        }
        let offset = entry.pointee.reserved
        reserve(write, slot, count)
        if nextFill(write) != nil {
            entry.pointee.wantsPayload = true
            tell(write)
        }
        return .wantsPayload(
            WriteID(index: write), slot: slot, offset: offset,
            memory: UnsafeMutableRawBufferPointer(start: payload(of: slot), count: count))
    }

    private mutating func nextEvent(ofRead read: ReadIndex) -> StreamEvent? {
        let entry = reads.at(read)
        let id = ReadID(index: read)
        guard !entry.pointee.isEnding else {
            removeIfSettled(read: read)
            return nil
        }
        if let lost = entry.pointee.lost {
            entry.pointee.lost = nil
            tell(read: read)
            return .readNarrowed(id, isRival: lost.isRival, lost.failure)
        }
        if entry.pointee.sink == nil, let slot = entry.pointee.arrived.popFirst() {
            if !entry.pointee.arrived.isEmpty { tell(read: read) }
            let record = records[Int(slot)]
            let bytes = UnsafeRawBufferPointer(
                start: payload(of: slot) + record.start, count: record.wanted)
            return .payload(id, slot: slot, offset: record.position, memory: bytes)
        }
        if entry.pointee.hasProgress {
            entry.pointee.hasProgress = false
            tell(read: read)
            return .verified(
                id, entry.pointee.assembly.verified - entry.pointee.assembly.range.lowerBound)
        }
        guard entry.pointee.held == 0 else { return nil }
        if let failure = entry.pointee.failure {
            entry.pointee.failure = nil
            return .readFailed(id, failure)
        }
        guard entry.pointee.assembly.isComplete, entry.pointee.connection < 0 else { return nil }
        let checksum = entry.pointee.assembly.sum.checksum
        endRead(read)
        return .readCompleted(id, checksum: checksum)
    }
}
