import Reactor
import Transport
import Wire

// How a connection ends: its peer is gone, or silent for too long, or it is of no use any more. One
// whose peer is to hear why ends with an error frame (`fail`, in Ack).
extension Datanode where Ring: ~Copyable {
    /// The peer closed its half, or the connection broke.
    mutating func peerEnded(_ index: ConnectionIndex) {
        let role = core.transport.at(index).role
        guard role.side == .successor, let stream = role.stream else { return close(index) }
        successorLost(stream, .nextHopFailed, "the connection to the next node broke")
    }

    /// A deadline passed: of the receiving half or of the sending half.
    mutating func missed(_ index: ConnectionIndex, isReceive: Bool) {
        let connection = core.transport.at(index)
        guard !connection.isParked else { return close(index) }
        core.counters.deadlinesMissed &+= 1
        let role = connection.role
        if role.side == .successor, let stream = role.stream {
            let status: Status = connection.isOpen ? .slowPeer : .nextHopUnreachable
            return successorLost(
                stream, status, "the next node made no progress in time")
        }
        guard isReceive, !connection.isDropping else { return close(index) }
        // The peer is waiting for a buffer here, so it is not at fault.
        fail(index, role.waiting == .buffer ? .busy : .slowPeer)
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

    // MARK: Stopping

    /// Ends every connection and stream; `isIdle` says when the last is gone.
    mutating func stop() {
        guard !core.isStopping else { return }
        core.isStopping = true
        core.isDraining = true
        for index in core.transport.places
        where core.transport.isUsed(index) {
            let role = core.transport.at(index).role
            if role.side == .inbound, role.stream != nil {
                fail(index, .shuttingDown)
            } else if role.failure == nil {
                close(index)
            }
        }
        for stream in writes.places where writes.isUsed(stream) { end(stream) }
    }
}
