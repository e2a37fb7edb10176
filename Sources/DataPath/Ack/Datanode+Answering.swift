import Reactor
import Transport
import Wire

// What the peer of an inbound connection is told: acks, the answers to seals, and the error frame
// that ends its stream.
extension Datanode where Ring: ~Copyable {
    /// Sends the next answer an inbound connection is owed, if any.
    mutating func answer(_ index: ConnectionIndex) {
        guard writes.answer(index, &core) else {
            return fail(index, .fenced, "this node has no signing key yet")
        }
    }

    /// An answer is with the socket: what waits behind it follows.
    mutating func answerSent(_ index: ConnectionIndex) {
        if core.transport.at(index).role.isFailureSent { return core.transport.linger(index) }
        if writes.noteAnswered(on: index, &core) {
            detach(index)
            resume(index)
        }
        answer(index)
    }

    // MARK: Failing

    /// Answers with an error frame and ends the connection once the peer had the chance to read it.
    mutating func fail(_ index: ConnectionIndex, _ status: Status, _ text: String? = nil) {
        fail(index, status, ErrorReport(node: core.identity.node, text: text ?? status.explanation))
    }

    /// As above, with a fault that another node of the chain found.
    mutating func fail(_ index: ConnectionIndex, _ status: Status, _ report: ErrorReport) {
        let connection = core.transport.at(index)
        guard connection.isOpen, connection.role.failure == nil else { return }
        guard connection.role.side == .inbound else {
            guard let stream = connection.role.stream else { return close(index) }
            return successorLost(stream, .nextHopFailed, report.text)
        }
        core.counters.refusals &+= 1
        detach(index)
        // It has its error to send first; the linger timeout bounds that.
        core.connections.places.begin(index)
        connection.role.failure = status
        connection.role.waiting = .nothing
        core.connections.reports[index] = report
        core.transport.stopReceiving(index)
        core.transport.awaitReceiving(index, within: core.settings.lingerTimeout)
        answer(index)
    }

    /// Tells a stream's writer, if it has one, what is wrong.
    mutating func failWriter(of stream: StreamIndex, _ status: Status, _ text: String? = nil) {
        if let writer = writes.at(stream).pointee.upstream { fail(writer, status, text) }
    }
}
