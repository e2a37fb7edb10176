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
            isInbound ? judgeHeader(index) : heardSuccessor(index, isAnswer: false)
        case .badHeader(let status): fail(index, status)
        case .payload(let buffer): payloadComplete(index, buffer)
        case .body:
            guard isInbound else { return heardSuccessor(index, isAnswer: true) }
            core.counters.bytesReceived &+= UInt64(core.transport.at(index).header.bodyBytes)
            admit(index)
        case .ended(_, let isInside, let buffer):
            if let buffer { releaseThenSettle(buffer) }
            isInside ? fail(index, .truncated) : peerEnded(index)
        case .letGo(let buffer):
            releaseThenSettle(buffer)
            core.restIfSettled(index)
        case .opened:
            beginHeader(index)
            let stream = streamOfSuccessor(index)
            let entry = writes.at(stream)
            writes.successors.opened(stream, &entry.pointee, &core)
        case .noSocket(let number):
            successorLost(streamOfSuccessor(index), .busy, "no socket: \(errorText(number))")
        case .unreachable(let number):
            let address = core.transport.at(index).address.text
            successorLost(
                streamOfSuccessor(index), .nextHopUnreachable,
                "cannot connect to \(address): \(errorText(number))")
        case .lingered: close(index)
        case .closed: core.closed(index)
        case .bytes, .sent, .notSent: preconditionFailure("not asked for, or taken before")
        }
    }

    /// The write stream that a connection was dialled for.
    private func streamOfSuccessor(_ index: ConnectionIndex) -> StreamIndex {
        guard let stream = core.transport.at(index).role.stream else {
            preconditionFailure("who is dialled has a stream, or is closed")
        }
        return stream
    }

    /// What was being sent is with the socket, or the send failed: the room that sent it goes on.
    private mutating func sent(
        _ kind: UInt8, _ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex?, isWhole: Bool
    ) {
        switch (OperationKind(rawValue: kind), buffer) {
        case (.sendFrame, let buffer?):
            follow(reads.sent(index, bytes: bytes, buffer, isWhole: isWhole, &core))
        case (.forwardFrame, let buffer?):
            forwarded(buffer, bytes: bytes, index, isWhole: isWhole)
        case (.sendPiece, _) where isWhole: follow(reads.sentPiece(index, &core))
        case (.sendAnswer, _) where isWhole: answerSent(index)
        case (.forwardRequest, _) where isWhole, (.forwardCredentials, _) where isWhole:
            let stream = core.transport.at(index).role.stream
            if let stream { proceed(stream) }
        default: peerEnded(index)
        }
    }
}
