import Reactor
import Wire

// How a connection ends: with an error frame when the peer did wrong or a stream failed, at once
// when it is gone.
extension Datanode where Ring: ~Copyable {
    /// Answers with an error frame and ends the connection once the peer had the chance to read it.
    mutating func fail(_ index: Int32, _ status: Status, _ text: String? = nil) {
        fail(index, status, ErrorReport(node: core.identity.node, text: text ?? status.explanation))
    }

    /// As above, with a fault that another node of the chain found.
    mutating func fail(_ index: Int32, _ status: Status, _ report: ErrorReport) {
        let connection = core.connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.failure == nil else { return }
        guard connection.pointee.role == .inbound else {
            guard connection.pointee.stream >= 0 else { return close(index) }
            return successorLost(connection.pointee.stream, .nextHopFailed, report.text)
        }
        core.counters.refusals &+= 1
        detach(index)
        // It has its error to send first; the linger timeout bounds that.
        core.connections.places.begin(index)
        connection.pointee.failure = status
        core.stopReceiving(index)
        connection.pointee.receiving = .discarding
        core.connections.reports[index] = report
        core.clear(.receive(index))
        core.arm(.receive(index), in: core.settings.lingerTimeout)
        sendControl(index)
    }

    /// The peer closed its half, or the connection broke.
    mutating func peerEnded(_ index: Int32) {
        let connection = core.connections.at(index)
        guard connection.pointee.life != .closing else { return }
        if connection.pointee.role == .outbound, connection.pointee.stream >= 0 {
            return successorLost(
                connection.pointee.stream, .nextHopFailed, "the connection to the next node broke")
        }
        close(index)
    }

    /// Parts a connection from its stream or reader. A write stream waits for its writer to come
    /// back; its chain behind is dialled again then.
    mutating func detach(_ index: Int32) {
        let connection = core.connections.at(index)
        reads.letGo(of: index, &core)
        let stream = connection.pointee.stream
        guard stream >= 0 else { return }
        connection.pointee.stream = -1
        switch connection.pointee.role {
        case .inbound:
            core.restIfSettled(index)
            guard writes.at(stream).pointee.upstream == index else { return }
            writes.at(stream).pointee.upstream = -1
            letGo(stream)
            if writes.at(stream).pointee.isSealed { endStream(stream) }
        case .outbound:
            guard writes.at(stream).pointee.downstream == index else { return }
            writes.at(stream).pointee.downstream = -1
            clearForwards(stream)
        }
    }

    /// Ends a connection without a word.
    mutating func close(_ index: Int32) {
        let connection = core.connections.at(index)
        guard connection.pointee.life != .closing else { return }
        unpark(index)
        detach(index)
        core.end(index)
    }

    mutating func discarded(_ index: Int32, _ outcome: Outcome) {
        guard core.settle(index) else { return }
        switch outcome {
        case .done(let count) where count > 0: core.discard(index)
        case .again: core.discard(index)
        case .done, .cancelled, .disconnected, .full, .failed: close(index)
        }
    }

    /// A deadline passed: of the receiving half or of the sending half.
    mutating func missed(_ index: Int32, isReceive: Bool) {
        guard core.connections.isUsed(index) else { return }
        let connection = core.connections.at(index)
        guard connection.pointee.life != .closing else { return }
        guard !connection.pointee.isParked else { return close(index) }
        core.counters.deadlinesMissed &+= 1
        if connection.pointee.role == .outbound, connection.pointee.stream >= 0 {
            let status: Status =
                connection.pointee.life == .connecting ? .nextHopUnreachable : .slowPeer
            return successorLost(
                connection.pointee.stream, status, "the next node made no progress in time")
        }
        guard isReceive, connection.pointee.receiving != .discarding else {
            return close(index)
        }
        // Who waits for a buffer waits for this node, not this node for it.
        fail(index, connection.pointee.receiving == .waitingForBuffer ? .busy : .slowPeer)
    }
}
