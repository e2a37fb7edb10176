import Reactor
import Transport
import Wire

// How a connection ends: with an error frame when the peer did wrong or a stream failed, at once
// when it is gone.
extension Datanode where Ring: ~Copyable {
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

    /// The peer closed its half, or the connection broke.
    mutating func peerEnded(_ index: ConnectionIndex) {
        let role = core.transport.at(index).role
        guard role.side == .successor, let stream = role.stream else { return close(index) }
        successorLost(stream, .nextHopFailed, "the connection to the next node broke")
    }

    /// Parts a connection from its stream or reader. A sealed block's stream ends with it.
    mutating func detach(_ index: ConnectionIndex) {
        reads.letGo(of: index, &core)
        if let stream = writes.letGo(of: index, &core), writes.isOver(stream) { end(stream) }
    }

    /// Ends a connection without a word.
    mutating func close(_ index: ConnectionIndex) {
        guard core.transport.at(index).isLive else { return }
        detach(index)
        core.end(index)
    }

    // MARK: Answering

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
}
