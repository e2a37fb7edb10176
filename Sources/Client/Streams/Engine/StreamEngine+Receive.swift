import Reactor
import Wire

// A receive is always under way on an open connection, but while a read waits for a slot: so the
// end of an idle one is noticed, and what a peer says last is read.
extension StreamEngine where Ring: ~Copyable {
    mutating func beginHeader(_ index: Int32) {
        let entry = connections.at(index)
        entry.pointee.receiving = .header
        entry.pointee.received = 0
        receiveHeader(index)
    }

    private mutating func receiveHeader(_ index: Int32) {
        let entry = connections.at(index)
        let done = entry.pointee.received
        start(
            .receiveHeader, index,
            .receive(
                entry.pointee.descriptor, memory(of: index) + done,
                count: FrameHeader.byteCount - done, waitAll: false))
    }

    mutating func receivedHeader(_ index: Int32, _ outcome: Outcome) {
        guard settle(index) else { return }
        let entry = connections.at(index)
        switch outcome {
        case .done(0): fail(index, .disconnected(0))
        case .done(let count):
            entry.pointee.received += Int(count)
            guard entry.pointee.received == FrameHeader.byteCount else {
                return receiveHeader(index)
            }
            headerComplete(index)
        case .again: receiveHeader(index)
        case .cancelled, .disconnected, .full, .failed:
            fail(index, .disconnected(outcome.errno))
        }
    }

    /// The 128 bytes in the connection's memory are a header.
    mutating func headerComplete(_ index: Int32) {
        let entry = connections.at(index)
        do throws(FrameHeader.Malformed) {
            entry.pointee.header = try FrameHeader(decoding: memory(of: index))
        } catch {
            return fail(index, .protocolError(error.status.explanation))
        }
        counters.framesReceived &+= 1
        let header = entry.pointee.header
        guard header.operation == .error || header.stream == entry.pointee.streamNumber else {
            return fail(index, .protocolError("an answer for stream \(header.stream)"))
        }
        hear(header, on: index)
        switch (header.operation, entry.pointee.owner) {
        case (_, .nobody): close(index)
        case (.error, _), (.sealed, .write): beginAnswer(index)
        case (.ack, .write(let write)):
            guard heardAck(write, header) else { return }
            beginHeader(index)
        case (.data, .read(let read)): beginPayload(index, read)
        default: fail(index, .protocolError("a \(header.operation) frame that nobody asked for"))
        }
    }

    // MARK: Who says it

    /// The first answer of a stream shows whether it comes from the node it was asked of.
    private mutating func hear(_ header: FrameHeader, on index: Int32) {
        switch connections.at(index).pointee.owner {
        case .nobody: break
        case .write(let write): _ = writes.at(write).pointee.proof?.believes(header)
        case .read(let read) where reads.at(read).pointee.rival == index:
            _ = reads.at(read).pointee.rivalProof?.believes(header)
        case .read(let read): _ = reads.at(read).pointee.proof?.believes(header)
        }
    }

    /// `mutating`, for a call that only borrows `self` copies all of it to the stack first.
    private mutating func isKnown(_ index: Int32) -> Bool {
        switch connections.at(index).pointee.owner {
        case .nobody: false
        case .write(let write): writes.at(write).pointee.proof?.isGiven ?? false
        case .read(let read) where reads.at(read).pointee.rival == index:
            reads.at(read).pointee.rivalProof?.isGiven ?? false
        case .read(let read): reads.at(read).pointee.proof?.isGiven ?? false
        }
    }

    /// Whether what a connection's peer says of its stream is believed. `false`: the stream ended
    /// over it.
    mutating func isProven(_ index: Int32) -> Bool {
        if isKnown(index) { return true }
        fail(index, .unproven)
        return false
    }

    // MARK: Receipts and error reports

    private mutating func beginAnswer(_ index: Int32) {
        let entry = connections.at(index)
        guard Int(entry.pointee.header.payloadLength) <= StreamConnection.answerLimit else {
            return fail(index, .protocolError("an answer that is too long"))
        }
        entry.pointee.receiving = .answer
        entry.pointee.received = 0
        receiveAnswer(index)
    }

    private mutating func receiveAnswer(_ index: Int32) {
        let entry = connections.at(index)
        let done = entry.pointee.received
        let count = Int(entry.pointee.header.payloadLength)
        guard done < count else { return answerComplete(index) }
        start(
            .receiveAnswer, index,
            .receive(
                entry.pointee.descriptor, memory(of: index) + StreamConnection.answerOffset + done,
                count: count - done, waitAll: true))
    }

    mutating func receivedAnswer(_ index: Int32, _ outcome: Outcome) {
        guard settle(index) else { return }
        switch outcome {
        case .done(let count) where count > 0:
            connections.at(index).pointee.received += Int(count)
            receiveAnswer(index)
        case .again: receiveAnswer(index)
        case .done, .cancelled, .disconnected, .full, .failed:
            fail(index, .disconnected(outcome.errno))
        }
    }

    private mutating func answerComplete(_ index: Int32) {
        let entry = connections.at(index)
        let header = entry.pointee.header
        let bytes = UnsafeRawBufferPointer(
            start: memory(of: index) + StreamConnection.answerOffset,
            count: Int(header.payloadLength))
        if header.operation == .sealed, case .write(let write) = entry.pointee.owner {
            return heardSealed(write, header, Array(bytes))
        }
        let report =
            ErrorReport(decoding: bytes)
            ?? ErrorReport(node: .none, text: header.status.explanation)
        guard !isKnown(index) else {
            return fail(index, .refused(header.status, report))
        }
        // It may be anybody, and is heard for itself alone. That a token is bad is believed, for
        // another one is soon had.
        let isToken = header.status.blamesToken
        fail(
            index,
            .refused(
                isToken ? header.status : header.status.withoutProof,
                ErrorReport(node: .none, text: report.text)))
    }

    // MARK: Payload

    private mutating func beginPayload(_ index: Int32, _ read: Int32) {
        let entry = connections.at(index)
        guard isProven(index) else { return }
        answered(read, on: index)
        guard judged(read, entry.pointee.header) else { return }
        guard Int(entry.pointee.header.payloadLength) <= settings.packetBytes else {
            return fail(index, .protocolError("a frame that is longer than a buffer"))
        }
        entry.pointee.receiving = .waitingForSlot
        receivePayload(index)
    }

    /// Takes a slot and receives into it; without one, receiving stops until there is.
    mutating func receivePayload(_ index: Int32) {
        let entry = connections.at(index)
        guard entry.pointee.life == .open, entry.pointee.receiving == .waitingForSlot,
            case .read(let read) = entry.pointee.owner
        else { return }
        guard let slot = slots.take() else {
            guard !entry.pointee.isWaitingForSlot else { return }
            entry.pointee.isWaitingForSlot = true
            counters.slotWaits &+= 1
            // The peer owes nothing while we take nothing.
            reactor.timers.clear(timer(ofRead: read))
            return slotWaiters.append(~index)
        }
        records[Int(slot)] = SlotRecord(header: entry.pointee.header)
        entry.pointee.slot = slot
        entry.pointee.received = 0
        entry.pointee.receiving = .payload
        watchRead(read)
        receiveMorePayload(index)
    }

    /// The payload, and with it the next header when that was promised.
    private func wanted(_ header: FrameHeader) -> Int {
        Int(header.payloadLength) + (header.flags.contains(.more) ? FrameHeader.byteCount : 0)
    }

    private mutating func receiveMorePayload(_ index: Int32) {
        let entry = connections.at(index)
        let done = entry.pointee.received
        start(
            .receivePayload, index, slot: entry.pointee.slot,
            .receive(
                entry.pointee.descriptor, payload(of: entry.pointee.slot) + done,
                count: wanted(entry.pointee.header) - done, waitAll: true))
    }

    mutating func receivedPayload(_ index: Int32, _ event: Event) {
        guard settle(index) else { return releaseSlot(event.operation.buffer) }
        let entry = connections.at(index)
        switch event.outcome {
        case .done(let count) where count > 0:
            entry.pointee.received += Int(count)
            counters.bytesReceived &+= UInt64(count)
            guard entry.pointee.received == wanted(entry.pointee.header) else {
                return receiveMorePayload(index)
            }
            payloadComplete(index)
        case .again: receiveMorePayload(index)
        case .done, .cancelled, .disconnected, .full, .failed:
            releaseSlot(entry.pointee.slot)
            fail(index, .disconnected(event.outcome.errno))
        }
    }

    private mutating func payloadComplete(_ index: Int32) {
        let entry = connections.at(index)
        let header = entry.pointee.header
        let slot = entry.pointee.slot
        guard case .read(let read) = entry.pointee.owner else {
            return releaseSlot(slot)
        }
        entry.pointee.slot = -1
        if header.flags.contains(.more) {
            // The next header, not payload: it is parsed where every header is.
            memory(of: index).copyMemory(
                from: payload(of: slot) + Int(header.payloadLength),
                byteCount: FrameHeader.byteCount)
        }
        guard arrived(read, slot, header) else { return }
        if header.flags.contains(.more) {
            headerComplete(index)
        } else {
            beginHeader(index)
        }
    }
}
