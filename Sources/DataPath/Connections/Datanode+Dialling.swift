import Glibc
import Reactor
import System
import Wire

// A connection to a next node: made, and kept while it is idle.
extension Datanode where Ring: ~Copyable {
    mutating func madeSocket(_ index: Int32, _ outcome: Outcome) {
        let connection = connections.at(index)
        if case .done(let number) = outcome { connection.pointee.descriptor = .plain(number) }
        guard settle(index) else { return }
        switch outcome {
        case .done: break
        case .again:
            let family = connection.pointee.address.family
            return start(.makeSocket, connection: index, .socket(family: family))
        case .cancelled, .disconnected, .full, .failed:
            return successorLost(
                connection.pointee.stream, .busy, "no socket: \(errorText(outcome.errno))")
        }
        reactor.ring.configure(connection.pointee.descriptor)
        connect(index)
    }

    private mutating func connect(_ index: Int32) {
        let connection = connections.at(index)
        connection.pointee.pending += 1
        let context = OperationContext(kind: OperationKind.connect.rawValue, owner: UInt32(index))
        connection.pointee.sendToken = reactor.connect(
            connection.pointee.descriptor, to: connection.pointee.address, context)
    }

    mutating func connected(_ index: Int32, _ outcome: Outcome) {
        guard settle(index) else { return }
        let connection = connections.at(index)
        let stream = connection.pointee.stream
        switch outcome {
        case .done: break
        case .again: return connect(index)
        case .cancelled, .disconnected, .full, .failed:
            return successorLost(
                stream, .nextHopUnreachable,
                "cannot connect to \(connection.pointee.address.text): \(errorText(outcome.errno))")
        }
        clearReceiveDeadline(index)
        connection.pointee.life = .open
        streams.at(stream).pointee.successor = .open
        beginHeader(index)
        watch(stream)
        sendControlFrame(index, .forwardCredentials)
    }

    mutating func park(_ index: Int32) {
        if parked.count == Budget.parked { close(parked[0]) }
        parked.append(index)
        connections.at(index).pointee.isParked = true
        clearReceiveDeadline(index)
        // Below the time after which the other side closes an idle connection.
        armReceiveDeadline(index, settings.idleTimeout / 3)
    }

    /// A parked connection ends, or goes back to work.
    mutating func unpark(_ index: Int32) {
        guard connections.at(index).pointee.isParked else { return }
        connections.at(index).pointee.isParked = false
        parked.removeAll { $0 == index }
    }

    mutating func takeParked(_ address: SocketAddress) -> Int32? {
        guard
            let index = parked.last(where: {
                connections.at($0).pointee.address.isSame(as: address)
            })
        else { return nil }
        unpark(index)
        return index
    }
}
