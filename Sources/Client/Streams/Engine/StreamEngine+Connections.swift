import Reactor
import Transport
import Wire

// What happens on connections, and whose matter it is. A receive is always under way on an open
// one, but while a read waits for a buffer: so the end of an idle one is noticed, and what a peer
// says last is read.
extension StreamEngine where Ring: ~Copyable {
    /// What happened on a connection.
    mutating func heard(_ index: ConnectionIndex, _ news: ConnectionNews) {
        if case .control(let link) = core.transport.at(index).role.party {
            return links.heard(link, news, &core)
        }
        switch news {
        case .none: break
        case .opened:
            beginHeader(index)
            pump(index)
        case .noSocket(let number), .unreachable(let number): fail(index, .unreachable(number))
        case .header: takeUp(index)
        case .badHeader(let status): fail(index, .protocolError(status.explanation))
        case .body: answerComplete(index)
        case .payload(let buffer): payloadComplete(index, buffer)
        case .ended(let number, _, let buffer):
            if let buffer { core.buffers.release(buffer) }
            fail(index, .disconnected(number))
        case .sent(_, let buffer):
            letGo(buffer)
            pump(index)
        case .notSent(_, _, let buffer):
            // The peer may have said why before it went: the receiving half finds the words, or the
            // end.
            let isIdle = core.transport.at(index).role.party == nil
            core.transport.at(index).role.isBroken = true
            letGo(buffer)
            // Nobody hears its end, and the next stream would take it for a good one.
            if isIdle { core.close(index) }
        case .letGo(let buffer): letGo(buffer)
        case .closed: core.closed(index)
        case .bytes, .lingered: preconditionFailure("a stream asks for frames and does not linger")
        }
    }

    /// Sends whatever the connection's stream has to send next.
    private mutating func pump(_ index: ConnectionIndex) {
        switch core.transport.at(index).role.party {
        case nil, .control: break
        case .write(let write): writers.pump(write, &core)
        case .read(let read): readers.pump(read, index, &core)
        }
    }

    /// The kernel has let go of a buffer that was being sent; a write that waited to send it again
    /// may do so.
    private mutating func letGo(_ buffer: BufferIndex?) {
        guard let buffer else { return }
        let write = core.buffers[buffer].write
        core.buffers.release(buffer)
        if let write { writers.pump(write, &core) }
    }

    /// The stream on a connection stops, and the connection with it.
    private mutating func fail(_ index: ConnectionIndex, _ failure: StreamFailure) {
        let party = core.transport.at(index).role.party
        core.close(index)
        switch party {
        case nil, .control: break
        case .write(let write): writers.stopped(write, failure, &core)
        case .read(let read): readers.stopped(read, on: index, failure, &core)
        }
    }

    // MARK: Frames

    private mutating func beginHeader(_ index: ConnectionIndex) {
        heard(index, core.transport.receiveHeader(index))
    }

    private mutating func follow(_ next: AfterFrame, on index: ConnectionIndex) {
        switch next {
        case .nothing: break
        case .next: beginHeader(index)
        case .over: if core.park(index) { beginHeader(index) }
        }
    }

    /// A header is here.
    private mutating func takeUp(_ index: ConnectionIndex) {
        let header = core.transport.at(index).header
        guard
            header.operation == .error
                || header.stream == core.transport.at(index).streamNumber
        else { return fail(index, .protocolError("an answer for stream \(header.stream)")) }
        checkProof(header, on: index)
        switch (header.operation, core.transport.at(index).role.party) {
        case (_, nil): core.close(index)
        case (.error, _), (.sealed, .write): beginAnswer(index, header)
        case (.ack, .write(let write)):
            follow(writers.heardAck(write, header, &core), on: index)
        case (.data, .read(let read)): readers.heardData(read, header, on: index, &core)
        default: fail(index, .protocolError("a \(header.operation) frame that nobody asked for"))
        }
    }

    private mutating func payloadComplete(_ index: ConnectionIndex, _ buffer: BufferIndex) {
        let header = core.transport.at(index).header
        guard case .read(let read) = core.transport.at(index).role.party else {
            return core.buffers.release(buffer)
        }
        follow(readers.arrived(read, buffer, header, on: index, &core), on: index)
    }

    // MARK: Receipts and error reports

    private mutating func beginAnswer(_ index: ConnectionIndex, _ header: FrameHeader) {
        guard header.payloadLength <= ConnectionMemory.stream.receivedBytes else {
            return fail(index, .protocolError("an answer that is too long"))
        }
        heard(index, core.transport.receiveAnswer(index))
    }

    private mutating func answerComplete(_ index: ConnectionIndex) {
        let header = core.transport.at(index).header
        let bytes = UnsafeRawBufferPointer(
            start: core.transport.bodyMemory(of: index), count: Int(header.payloadLength))
        if header.operation == .sealed,
            case .write(let write) = core.transport.at(index).role.party
        {
            return follow(writers.heardSealed(write, header, Array(bytes), &core), on: index)
        }
        let report =
            ErrorReport(decoding: bytes)
            ?? ErrorReport(node: .none, text: header.status.explanation)
        guard !isProven(index) else {
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

    // MARK: Who says it

    /// The first answer of a stream shows whether it comes from the node it was asked of.
    private mutating func checkProof(_ header: FrameHeader, on index: ConnectionIndex) {
        switch core.transport.at(index).role.party {
        case nil, .control: break
        case .write(let write): writers.at(write).pointee.checkProof(header)
        case .read(let read): readers.at(read).pointee.checkProof(header, on: index)
        }
    }

    /// `mutating`, for a call that only borrows `self` copies all of it to the stack first.
    private mutating func isProven(_ index: ConnectionIndex) -> Bool {
        switch core.transport.at(index).role.party {
        case nil, .control: false
        case .write(let write): writers.at(write).pointee.isProven
        case .read(let read): readers.at(read).pointee.isProven(on: index)
        }
    }
}
