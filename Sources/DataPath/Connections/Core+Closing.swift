import Reactor
import Wire

// How a connection ends that carries neither a stream nor a read any more.
extension Core where Ring: ~Copyable {
    /// Ends a connection that carries nothing any more.
    mutating func end(_ index: Int32) {
        let connection = connections.at(index)
        precondition(
            connection.pointee.stream < 0 && connection.pointee.reader < 0,
            "who closes has let go")
        connections.places.leave(index)
        stopReceiving(index)
        reactor.cancel(connection.pointee.sendToken)
        connection.pointee.life = .closing
        connections.reports[index] = nil
        clear(.receive(index))
        clear(.send(index))
        disconnectIfHeld(index)
        closeIfSettled(index)
    }

    /// The buffer of a receive that the kernel still has comes back with its completion.
    mutating func stopReceiving(_ index: Int32) {
        let connection = connections.at(index)
        connection.pointee.buffer = -1
        reactor.cancel(connection.pointee.receiveToken)
    }

    /// A connection without a stream gives its place up when places run short, but not while the
    /// kernel holds bytes of its last answer: closing would take them back.
    mutating func restIfSettled(_ index: Int32) {
        let connection = connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.role == .inbound,
            connection.pointee.stream < 0, connection.pointee.reader < 0,
            connection.pointee.failure == nil, connection.pointee.unnotified == 0
        else { return }
        connections.places.rest(index)
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
        connections.places.left()
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
                connection.pointee.descriptor, connections.received(of: index),
                count: Connection.wideBytes,
                waitAll: false))
    }
}
