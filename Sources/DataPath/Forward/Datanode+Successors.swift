import Reactor
import Transport
import Wire

// What the chain behind says or takes, and what follows for the stream that it belongs to.
extension Datanode where Ring: ~Copyable {
    /// A frame of a successor is here, or the payload of its answer.
    mutating func heardSuccessor(_ index: ConnectionIndex, isAnswer: Bool) {
        let stream = core.transport.at(index).role.stream
        guard let stream else { return close(index) }
        let entry = writes.at(stream)
        let heard =
            isAnswer
            ? writes.successors.hearAnswer(index, stream, &entry.pointee, &core)
            : writes.successors.hear(index, stream, &entry.pointee, &core)
        switch heard {
        case .answer: self.heard(index, core.transport.receiveAnswer(index))
        case .progress:
            continueReceiving(index)
            proceed(stream)
        case .lost(let loss): successorLost(stream, loss)
        }
    }

    /// A frame went to the stream's successor, or did not.
    mutating func forwarded(
        _ buffer: BufferIndex, bytes: Int, _ index: ConnectionIndex, isWhole: Bool
    ) {
        let stream = core.transport.at(index).role.stream
        guard let stream else { return releaseThenSettle(buffer) }
        let entry = writes.at(stream)
        guard isWhole else {
            return successorLost(
                stream, writes.successors.notSent(buffer, stream, &entry.pointee, &core))
        }
        writes.successors.sent(buffer, bytes: bytes, stream, &entry.pointee, &core)
        proceed(stream)
    }

    mutating func successorLost(_ stream: StreamIndex, _ status: Status, _ text: String) {
        let entry = writes.at(stream)
        successorLost(stream, Successors<Ring>.Loss(&entry.pointee, status, text))
    }

    /// The stream's chain behind this node is gone: the writer is told why, and by whom.
    mutating func successorLost(_ stream: StreamIndex, _ loss: Successors<Ring>.Loss) {
        let entry = writes.at(stream)
        writes.successors.drop(stream, &entry.pointee, &core)
        if let writer = entry.pointee.upstream { fail(writer, loss.status, loss.report) }
    }
}
