import Reactor
import System
import Transport
import Wire

// What happens on connections, and whose matter it is: inwards a writer's or a reader's, outwards a
// stream's whose chain goes on there.
extension Datanode where Ring: ~Copyable {
    /// A completion of an operation that the transport started.
    mutating func handle(connection index: ConnectionIndex, _ event: Event) {
        let news = core.transport.handle(event, &core.buffers.payloads)
        switch news {
        case .sent(let bytes, let buffer):
            sent(event.operation.kind, index, bytes: bytes, buffer)
        case .notSent(_, let bytes, let buffer):
            notSent(event.operation.kind, index, bytes: bytes, buffer)
        default: heard(index, news)
        }
    }

    mutating func heard(_ index: ConnectionIndex, _ news: ConnectionNews) {
        let isInbound = core.transport.at(index).role.side == .inbound
        switch news {
        case .none: break
        case .header:
            core.counters.framesReceived &+= 1
            isInbound ? takeUp(index) : heardFromSuccessor(index)
        case .badHeader(let status): fail(index, status)
        case .payload(let buffer): payloadComplete(index, buffer)
        case .body: isInbound ? credentialsComplete(index) : answered(index)
        case .ended(_, let isInside, let buffer):
            if buffer >= 0 { releasePayload(buffer) }
            isInside ? fail(index, .truncated) : peerEnded(index)
        case .letGo(let buffer):
            releasePayload(buffer)
            core.restIfSettled(index)
        case .opened: successorOpened(index)
        case .noSocket(let number):
            successorLost(
                core.transport.at(index).role.stream, .busy,
                "no socket: \(errorText(number))")
        case .unreachable(let number):
            let connection = core.transport.at(index)
            successorLost(
                connection.role.stream, .nextHopUnreachable,
                "cannot connect to \(connection.address.text): \(errorText(number))")
        case .lingered: close(index)
        case .closed: core.closed(index)
        case .bytes, .sent, .notSent: preconditionFailure("not asked for, or taken before")
        }
    }

    /// What was being sent is with the socket: the room that sent it goes on.
    private mutating func sent(
        _ kind: UInt8, _ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex
    ) {
        switch OperationKind(rawValue: kind) {
        case .sendFrame: follow(reads.sent(index, bytes: bytes, buffer, isWhole: true, &core))
        case .sendPiece: follow(reads.sentPiece(index, &core))
        case .forwardFrame: forwarded(index, bytes: bytes, buffer)
        default: controlSent(index)
        }
    }

    private mutating func notSent(
        _ kind: UInt8, _ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex
    ) {
        switch OperationKind(rawValue: kind) {
        case .sendFrame: follow(reads.sent(index, bytes: bytes, buffer, isWhole: false, &core))
        case .forwardFrame: notForwarded(index, buffer)
        default: peerEnded(index)
        }
    }

    /// A deadline passed: of the receiving half or of the sending half.
    mutating func missed(_ index: ConnectionIndex, isReceive: Bool) {
        let connection = core.transport.at(index)
        guard !connection.isParked else { return close(index) }
        core.counters.deadlinesMissed &+= 1
        let role = connection.role
        if role.side == .outbound, role.stream >= 0 {
            let status: Status = connection.isOpen ? .slowPeer : .nextHopUnreachable
            return successorLost(
                role.stream, status, "the next node made no progress in time")
        }
        guard isReceive, !connection.isDropping else { return close(index) }
        // Who waits for a buffer waits for this node, not this node for it.
        fail(index, role.waiting == .buffer ? .busy : .slowPeer)
    }
}
