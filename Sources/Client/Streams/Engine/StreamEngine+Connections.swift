import Reactor
import System
import Wire

// How an engine comes by its connections, and how it lets go of them.
extension StreamEngine where Ring: ~Copyable {
    /// An idle connection to `address`, or a new one; `nil` at the bound.
    mutating func connection(
        to address: SocketAddress, for owner: StreamConnection.Owner
    ) -> Int32? {
        var idle: Int32 = -1
        var left = idleConnections
        // The one that was freed last is looked at first: with thousands of busy connections, a
        // search through all of them would cost more than the stream.
        let first = lastFreed
        for step in 0..<Int32(connections.capacity) where left > 0 {
            let index = (first + step) % Int32(connections.capacity)
            guard connections.isUsed(index) else { continue }
            let entry = connections.at(index)
            guard entry.pointee.owner == .nobody, entry.pointee.life == .open else { continue }
            left -= 1
            idle = index
            if entry.pointee.address.isSame(as: address), !entry.pointee.isBroken {
                take(index, owner)
                counters.connectionsReused &+= 1
                return index
            }
        }
        // At the bound, an idle connection to somebody else makes room, one turn later.
        if connections.isFull, idle >= 0 { close(idle) }
        return dial(address, owner)
    }

    private mutating func take(_ index: Int32, _ owner: StreamConnection.Owner) {
        let entry = connections.at(index)
        if entry.pointee.owner == .nobody { idleConnections -= 1 }
        entry.pointee.owner = owner
        entry.pointee.streamNumber &+= 1
        entry.pointee.sequence = 0
        entry.pointee.isRequestSent = false
    }

    private mutating func dial(
        _ address: SocketAddress, _ owner: StreamConnection.Owner
    ) -> Int32? {
        let entry = StreamConnection(address: address, memory: connectionMemory)
        guard let index = connections.insert(entry) else { return nil }
        counters.connectionsMade &+= 1
        idleConnections += 1
        take(index, owner)
        start(.makeSocket, index, .socket(family: address.family))
        return index
    }

    mutating func madeSocket(_ index: Int32, _ outcome: Outcome) {
        let entry = connections.at(index)
        if case .done(let number) = outcome { entry.pointee.descriptor = .plain(number) }
        guard settle(index) else { return }
        switch outcome {
        case .done: break
        case .again: return start(.makeSocket, index, .socket(family: entry.pointee.address.family))
        case .cancelled, .disconnected, .full, .failed:
            return fail(index, .unreachable(outcome.errno))
        }
        reactor.ring.configure(entry.pointee.descriptor)
        connect(index)
    }

    private mutating func connect(_ index: Int32) {
        let entry = connections.at(index)
        entry.pointee.pending += 1
        let context = OperationContext(
            kind: EngineOperation.connect.rawValue, owner: UInt32(index))
        entry.pointee.sendToken = reactor.connect(
            entry.pointee.descriptor, to: entry.pointee.address, context)
    }

    mutating func connected(_ index: Int32, _ outcome: Outcome) {
        guard settle(index) else { return }
        switch outcome {
        case .done: break
        case .again: return connect(index)
        case .cancelled, .disconnected, .full, .failed:
            return fail(index, .unreachable(outcome.errno))
        }
        connections.at(index).pointee.life = .open
        beginHeader(index)
        pump(index)
    }

    /// Sends whatever the connection's stream has to send next.
    mutating func pump(_ index: Int32) {
        let entry = connections.at(index)
        guard entry.pointee.life == .open, !entry.pointee.isSending, !entry.pointee.isBroken else {
            return
        }
        switch entry.pointee.owner {
        case .nobody: break
        case .write(let write): pumpWrite(write)
        case .read(let read): pumpRead(read, index)
        }
    }

    /// The stream on a connection stops, and the connection with it.
    mutating func fail(_ index: Int32, _ failure: StreamFailure) {
        let owner = connections.at(index).pointee.owner
        close(index)
        switch owner {
        case .nobody: break
        case .write(let write): writeStopped(write, failure)
        case .read(let read): readStopped(read, on: index, failure)
        }
    }

    /// The stream is over; the connection waits for the next one.
    mutating func free(_ index: Int32) {
        connections.at(index).pointee.owner = .nobody
        idleConnections += 1
        lastFreed = index
    }

    mutating func close(_ index: Int32) {
        let entry = connections.at(index)
        guard entry.pointee.life != .closing else { return }
        if entry.pointee.owner == .nobody { idleConnections -= 1 }
        entry.pointee.life = .closing
        entry.pointee.owner = .nobody
        reactor.cancel(entry.pointee.receiveToken)
        reactor.cancel(entry.pointee.sendToken)
        closeIfSettled(index)
    }

    mutating func closeIfSettled(_ index: Int32) {
        let entry = connections.at(index)
        guard entry.pointee.life == .closing, entry.pointee.pending == 0,
            !entry.pointee.isWaitingForSlot
        else { return }
        let descriptor = entry.pointee.descriptor
        guard !descriptor.isNone else { return connections.remove(index) }
        entry.pointee.descriptor = .none
        start(.closeSocket, index, .close(descriptor))
    }

    mutating func closedSocket(_ index: Int32) { connections.remove(index) }

    // Every operation is counted at its owner, so that nothing is freed while the kernel may still
    // complete it.

    mutating func start(
        _ kind: EngineOperation, _ index: Int32, slot: Int32 = -1, _ request: Request
    ) {
        let entry = connections.at(index)
        entry.pointee.pending += 1
        let token = reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index), buffer: slot))
        switch kind {
        case .receiveHeader, .receiveAnswer, .receivePayload:
            entry.pointee.receiveToken = token
        default: entry.pointee.sendToken = token
        }
    }

    /// An operation of a connection completed. `false`: the connection closes and only waits for
    /// its operations.
    mutating func settle(_ index: Int32) -> Bool {
        let entry = connections.at(index)
        entry.pointee.pending -= 1
        guard entry.pointee.life == .closing else { return true }
        closeIfSettled(index)
        return false
    }
}
