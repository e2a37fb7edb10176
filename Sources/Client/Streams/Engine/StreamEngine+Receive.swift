import Reactor
import Transport
import Wire

// A receive is always under way on an open connection, but while a read waits for a slot: so the
// end of an idle one is noticed, and what a peer says last is read.
extension StreamEngine where Ring: ~Copyable {
    mutating func beginHeader(_ index: ConnectionIndex) {
        heard(index, transport.receiveHeader(index))
    }

    /// A header is here.
    mutating func takeUp(_ index: ConnectionIndex) {
        counters.framesReceived &+= 1
        let header = transport.at(index).header
        guard
            header.operation == .error || header.stream == transport.at(index).streamNumber
        else { return fail(index, .protocolError("an answer for stream \(header.stream)")) }
        checkProof(header, on: index)
        switch (header.operation, transport.at(index).role.owner) {
        case (_, .nobody): close(index)
        case (.error, _), (.sealed, .write): beginAnswer(index, header)
        case (.ack, .write(let write)):
            guard heardAck(write, header) else { return }
            beginHeader(index)
        case (.data, .read(let read)): beginPayload(index, read, header)
        default: fail(index, .protocolError("a \(header.operation) frame that nobody asked for"))
        }
    }

    // MARK: Who says it

    /// The first answer of a stream shows whether it comes from the node it was asked of.
    private mutating func checkProof(_ header: FrameHeader, on index: ConnectionIndex) {
        switch transport.at(index).role.owner {
        case .nobody, .control: break
        case .write(let write): _ = writes.at(write).pointee.proof?.believes(header)
        case .read(let read) where reads.at(read).pointee.rival == index:
            _ = reads.at(read).pointee.rivalProof?.believes(header)
        case .read(let read): _ = reads.at(read).pointee.proof?.believes(header)
        }
    }

    /// `mutating`, for a call that only borrows `self` copies all of it to the stack first.
    private mutating func isKnown(_ index: ConnectionIndex) -> Bool {
        switch transport.at(index).role.owner {
        case .nobody, .control: false
        case .write(let write): writes.at(write).pointee.proof?.isGiven ?? false
        case .read(let read) where reads.at(read).pointee.rival == index:
            reads.at(read).pointee.rivalProof?.isGiven ?? false
        case .read(let read): reads.at(read).pointee.proof?.isGiven ?? false
        }
    }

    /// Whether what a connection's peer says of its stream is believed. `false`: the stream ended
    /// over it.
    mutating func isProven(_ index: ConnectionIndex) -> Bool {
        if isKnown(index) { return true }
        fail(index, .unproven)
        return false
    }

    // MARK: Receipts and error reports

    private mutating func beginAnswer(_ index: ConnectionIndex, _ header: FrameHeader) {
        guard header.payloadLength <= ConnectionMemory.stream.receivedBytes else {
            return fail(index, .protocolError("an answer that is too long"))
        }
        heard(index, transport.receiveAnswer(index))
    }

    mutating func answerComplete(_ index: ConnectionIndex) {
        let header = transport.at(index).header
        let bytes = UnsafeRawBufferPointer(
            start: transport.bodyMemory(of: index), count: Int(header.payloadLength))
        if header.operation == .sealed,
            case .write(let write) = transport.at(index).role.owner
        {
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

    private mutating func beginPayload(
        _ index: ConnectionIndex, _ read: ReadIndex, _ header: FrameHeader
    ) {
        guard isProven(index) else { return }
        answered(read, on: index)
        guard judged(read, header) else { return }
        guard Int(header.payloadLength) <= settings.packetBytes else {
            return fail(index, .protocolError("a frame that is longer than a buffer"))
        }
        transport.at(index).role.isAwaitingSlot = true
        receivePayload(index)
    }

    /// Takes a slot and receives into it; without one, receiving stops until there is.
    mutating func receivePayload(_ index: ConnectionIndex) {
        let entry = transport.at(index)
        guard entry.role.isAwaitingSlot, case .read(let read) = entry.role.owner
        else { return }
        guard let slot = slots.take() else {
            // The peer owes nothing while we take nothing.
            transport.clear(timer: timer(ofRead: read))
            if slotWaiters.add(Int32(writes.capacity) + index) { counters.slotWaits &+= 1 }
            return
        }
        records[Int(slot)] = SlotRecord(header: entry.header)
        entry.role.isAwaitingSlot = false
        watchRead(read)
        transport.receivePayload(index, buffer: slot, at: payload(of: slot))
    }

    mutating func payloadComplete(_ index: ConnectionIndex, _ slot: BufferIndex) {
        let entry = transport.at(index)
        let header = entry.header
        counters.bytesReceived &+= UInt64(header.payloadLength)
        guard case .read(let read) = entry.role.owner else { return releaseSlot(slot) }
        guard arrived(read, slot, header) else { return }
        beginHeader(index)
    }
}
