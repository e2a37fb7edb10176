import Glibc
import Reactor
import System
import Wire

// A connection to a next node: made, and kept while it is idle.
extension Datanode where Ring: ~Copyable {
    mutating func madeSocket(_ index: Int32, _ outcome: Outcome) {
        let connection = core.connections.at(index)
        if case .done(let number) = outcome { connection.pointee.descriptor = .plain(number) }
        guard core.settle(index) else { return }
        switch outcome {
        case .done: break
        case .again:
            let family = connection.pointee.address.family
            return core.start(.makeSocket, connection: index, .socket(family: family))
        case .cancelled, .disconnected, .full, .failed:
            return successorLost(
                connection.pointee.stream, .busy, "no socket: \(errorText(outcome.errno))")
        }
        core.reactor.ring.configure(connection.pointee.descriptor)
        connect(index)
    }

    private mutating func connect(_ index: Int32) {
        let connection = core.connections.at(index)
        connection.pointee.pending += 1
        let context = OperationContext(kind: OperationKind.connect.rawValue, owner: UInt32(index))
        connection.pointee.sendToken = core.reactor.connect(
            connection.pointee.descriptor, to: connection.pointee.address, context)
    }

    mutating func connected(_ index: Int32, _ outcome: Outcome) {
        guard core.settle(index) else { return }
        let connection = core.connections.at(index)
        let stream = connection.pointee.stream
        switch outcome {
        case .done: break
        case .again: return connect(index)
        case .cancelled, .disconnected, .full, .failed:
            return successorLost(
                stream, .nextHopUnreachable,
                "cannot connect to \(connection.pointee.address.text): \(errorText(outcome.errno))")
        }
        core.clear(.receive(index))
        connection.pointee.life = .open
        writes.at(stream).pointee.successor = .open
        beginHeader(index)
        watch(stream)
        core.sendControlFrame(index, .forwardCredentials)
    }

    mutating func park(_ index: Int32) {
        if core.connections.parked.count == Budget.parked { close(core.connections.parked[0]) }
        core.connections.parked.append(index)
        core.connections.at(index).pointee.isParked = true
        core.clear(.receive(index))
        // Below the time after which the other side closes an idle connection.
        core.arm(.receive(index), in: core.settings.idleTimeout / 3)
    }

    /// A parked connection ends, or goes back to work.
    mutating func unpark(_ index: Int32) {
        guard core.connections.at(index).pointee.isParked else { return }
        core.connections.at(index).pointee.isParked = false
        core.connections.parked.removeAll { $0 == index }
    }

    mutating func takeParked(_ address: SocketAddress) -> Int32? {
        guard
            let index = core.connections.parked.last(where: {
                core.connections.at($0).pointee.address.isSame(as: address)
            })
        else { return nil }
        unpark(index)
        return index
    }
}
