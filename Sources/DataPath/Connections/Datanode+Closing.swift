import Reactor
import Wire

// How a connection ends: with an error frame when the peer did wrong or a stream failed, at once
// when it is gone.
extension Datanode where Ring: ~Copyable {
    /// Answers with an error frame and ends the connection once the peer had the chance to read it.
    mutating func fail(_ index: Int32, _ status: Status, _ text: String? = nil) {
        fail(index, status, ErrorReport(node: identity.node, text: text ?? status.explanation))
    }

    /// As above, with a fault that another node of the chain found.
    mutating func fail(_ index: Int32, _ status: Status, _ report: ErrorReport) {
        let connection = connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.failure == nil else { return }
        guard connection.pointee.role == .inbound else {
            guard connection.pointee.stream >= 0 else { return close(index) }
            return successorLost(connection.pointee.stream, .nextHopFailed, report.text)
        }
        counters.refusals &+= 1
        detach(index)
        // It has its error to send first; the linger timeout bounds that.
        places.begin(index)
        connection.pointee.failure = status
        stopReceiving(index)
        connection.pointee.receiving = .discarding
        pendingReports[index] = report
        clearReceiveDeadline(index)
        armReceiveDeadline(index, settings.lingerTimeout)
        sendControl(index)
    }

    /// The peer closed its half, or the connection broke.
    mutating func peerEnded(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life != .closing else { return }
        if connection.pointee.role == .outbound, connection.pointee.stream >= 0 {
            return successorLost(
                connection.pointee.stream, .nextHopFailed, "the connection to the next node broke")
        }
        close(index)
    }

    /// The buffer of a receive that the kernel still has comes back with its completion.
    private mutating func stopReceiving(_ index: Int32) {
        let connection = connections.at(index)
        connection.pointee.buffer = -1
        reactor.cancel(connection.pointee.receiveToken)
    }

    /// Parts a connection from its stream or reader. A write stream waits for its writer to come
    /// back; its chain behind is dialled again then.
    mutating func detach(_ index: Int32) {
        let connection = connections.at(index)
        if connection.pointee.reader >= 0 {
            endReader(connection.pointee.reader)
            connection.pointee.reader = -1
            restIfSettled(index)
        }
        let stream = connection.pointee.stream
        guard stream >= 0 else { return }
        connection.pointee.stream = -1
        switch connection.pointee.role {
        case .inbound:
            restIfSettled(index)
            guard streams.at(stream).pointee.upstream == index else { return }
            streams.at(stream).pointee.upstream = -1
            letGo(stream)
            if streams.at(stream).pointee.isSealed { endStream(stream) }
        case .outbound:
            guard streams.at(stream).pointee.downstream == index else { return }
            streams.at(stream).pointee.downstream = -1
            clearForwards(stream)
        }
    }

    /// A connection without a stream gives its place up when places run short, but not while the
    /// kernel holds bytes of its last answer: closing would take them back.
    mutating func restIfSettled(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.role == .inbound,
            connection.pointee.stream < 0, connection.pointee.reader < 0,
            connection.pointee.failure == nil, connection.pointee.unnotified == 0
        else { return }
        places.rest(index)
    }

    /// Ends a connection without a word.
    mutating func close(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life != .closing else { return }
        unpark(index)
        detach(index)
        places.leave(index)
        stopReceiving(index)
        reactor.cancel(connection.pointee.sendToken)
        connection.pointee.life = .closing
        pendingReports[index] = nil
        clearReceiveDeadline(index)
        clearSendDeadline(index)
        disconnectIfHeld(index)
        closeIfSettled(index)
    }

    /// A peer that reads no more would keep a zero-copy send's memory for as long as it likes: its
    /// notification comes when the bytes are acknowledged, or given up.
    private mutating func disconnectIfHeld(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.unnotified > 0, !connection.pointee.descriptor.isNone else {
            return
        }
        connection.pointee.pending += 1
        reactor.start(
            .disconnect(connection.pointee.descriptor),
            OperationContext(kind: OperationKind.disconnect.rawValue, owner: UInt32(index)))
    }

    mutating func disconnected(_ index: Int32) { _ = settle(index) }

    mutating func closeIfSettled(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life == .closing, connection.pointee.pending == 0 else { return }
        guard !connection.pointee.descriptor.isNone else { return freeConnection(index) }
        let descriptor = connection.pointee.descriptor
        connection.pointee.descriptor = .none
        connection.pointee.pending += 1
        reactor.start(
            .close(descriptor),
            OperationContext(kind: OperationKind.closeSocket.rawValue, owner: UInt32(index)))
    }

    mutating func closedSocket(_ index: Int32) {
        connections.at(index).pointee.pending -= 1
        freeConnection(index)
    }

    private mutating func freeConnection(_ index: Int32) {
        connections.remove(index)
        places.left()
        startAccept()
    }

    /// After the error frame: no more is sent, and what the peer still sends is dropped until it
    /// has read the error and closes. Closing at once would reset the connection and could take the
    /// frame with it.
    mutating func linger(_ index: Int32) {
        let descriptor = connections.at(index).pointee.descriptor
        start(.shutdown, connection: index, .shutdown(descriptor, sendingOnly: true))
    }

    mutating func shutDown(_ index: Int32) {
        guard settle(index) else { return }
        discard(index)
    }

    mutating func discard(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.isFailureSent,
            reactor.operations.find(connection.pointee.receiveToken) == nil
        else { return }
        start(
            .discard, connection: index,
            .receive(
                connection.pointee.descriptor, received(of: index), count: Connection.wideBytes,
                waitAll: false))
    }

    mutating func discarded(_ index: Int32, _ outcome: Outcome) {
        guard settle(index) else { return }
        switch outcome {
        case .done(let count) where count > 0: discard(index)
        case .again: discard(index)
        case .done, .cancelled, .disconnected, .full, .failed: close(index)
        }
    }
}
