import Reactor
import System
import Transport
import Wire

// What happens on connections, and whose matter it is: inwards a writer's or a reader's, outwards a
// stream's whose chain goes on there.
extension Datanode where Ring: ~Copyable {
    /// A completion of an operation that the transport started.
    mutating func handle(connection index: ConnectionIndex, _ event: Event) {
        let kind = event.operation.kind
        let news = core.transport.handle(event, &core.buffers.payloads)
        switch news {
        case .sent(let bytes, let buffer):
            sent(kind, index, bytes: bytes, buffer, isWhole: true)
        case .notSent(_, let bytes, let buffer):
            sent(kind, index, bytes: bytes, buffer, isWhole: false)
        default: heard(index, news)
        }
    }

    mutating func heard(_ index: ConnectionIndex, _ news: ConnectionNews) {
        let role = core.transport.at(index).role
        let isInbound = role.side == .inbound
        switch news {
        case .none: break
        case .header:
            core.counters.framesReceived &+= 1
            isInbound ? takeUp(index) : heardSuccessor(index, isAnswer: false)
        case .badHeader(let status): fail(index, status)
        case .payload(let buffer): payloadComplete(index, buffer)
        case .body:
            guard isInbound else { return heardSuccessor(index, isAnswer: true) }
            core.counters.bytesReceived &+= UInt64(core.transport.at(index).header.bodyBytes)
            takeIn(index)
        case .ended(_, let isInside, let buffer):
            if buffer >= 0 { release(buffer) }
            isInside ? fail(index, .truncated) : peerEnded(index)
        case .letGo(let buffer):
            release(buffer)
            core.restIfSettled(index)
        case .opened:
            beginHeader(index)
            let entry = writes.at(role.stream)
            writes.successors.opened(role.stream, &entry.pointee, &core)
        case .noSocket(let number):
            successorLost(role.stream, .busy, "no socket: \(errorText(number))")
        case .unreachable(let number):
            let address = core.transport.at(index).address.text
            successorLost(
                role.stream, .nextHopUnreachable,
                "cannot connect to \(address): \(errorText(number))")
        case .lingered: close(index)
        case .closed: core.closed(index)
        case .bytes, .sent, .notSent: preconditionFailure("not asked for, or taken before")
        }
    }

    /// What was being sent is with the socket, or the send failed: the room that sent it goes on.
    private mutating func sent(
        _ kind: UInt8, _ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex, isWhole: Bool
    ) {
        switch OperationKind(rawValue: kind) {
        case .sendFrame: follow(reads.sent(index, bytes: bytes, buffer, isWhole: isWhole, &core))
        case .forwardFrame: forwarded(buffer, bytes: bytes, index, isWhole: isWhole)
        case .sendPiece where isWhole: follow(reads.sentPiece(index, &core))
        case .sendAnswer where isWhole: answerSent(index)
        case .forwardRequest where isWhole, .forwardCredentials where isWhole:
            let stream = core.transport.at(index).role.stream
            if stream >= 0 { proceed(stream) }
        default: peerEnded(index)
        }
    }

    /// A deadline passed: of the receiving half or of the sending half.
    mutating func missed(_ index: ConnectionIndex, isReceive: Bool) {
        let connection = core.transport.at(index)
        guard !connection.isParked else { return close(index) }
        core.counters.deadlinesMissed &+= 1
        let role = connection.role
        if role.side == .successor, role.stream >= 0 {
            let status: Status = connection.isOpen ? .slowPeer : .nextHopUnreachable
            return successorLost(
                role.stream, status, "the next node made no progress in time")
        }
        guard isReceive, !connection.isDropping else { return close(index) }
        // The peer is waiting for a buffer here, so it is not at fault.
        fail(index, role.waiting == .buffer ? .busy : .slowPeer)
    }
}
