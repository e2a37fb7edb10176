import Reactor
import System
import Wire

// A connection's operations. Each is counted at its owner, so that nothing is freed while the
// kernel may still complete it.
extension Core where Ring: ~Copyable {
    mutating func start(
        _ kind: OperationKind, connection index: Int32, buffer: Int32 = -1,
        isZeroCopy: Bool = false, _ request: Request
    ) {
        let connection = connections.at(index)
        connection.pointee.pending += 1
        let token = reactor.start(
            request,
            OperationContext(
                kind: kind.rawValue, owner: UInt32(index), buffer: buffer,
                argument: isZeroCopy ? 1 : 0))
        switch kind {
        case .receiveHeader, .receivePayload, .discard: connection.pointee.receiveToken = token
        default: connection.pointee.sendToken = token
        }
    }

    /// An operation of a connection completed. `false`: the connection is closing and only waits
    /// for its operations.
    mutating func settle(_ index: Int32) -> Bool {
        let connection = connections.at(index)
        connection.pointee.pending -= 1
        guard connection.pointee.life == .closing else { return true }
        closeIfSettled(index)
        return false
    }

    // MARK: Accepting

    /// Keeps one accept in flight while there is room for a connection; the kernel's backlog holds
    /// the others. Several reactors accept on one socket: the kernel wakes one of those that wait.
    mutating func startAccept() {
        guard !connections.isAccepting, !isStopping else { return }
        guard connections.places.reserve(for: .accept) else { return }
        connections.isAccepting = true
        let listener = connections.listener
        let isFixed = share.isWhole
        let context = OperationContext(kind: OperationKind.accept.rawValue, owner: 0)
        reactor.start(context) { memory in
            let address = memory.bindMemory(to: SocketAddress.self, capacity: 1)
            address.initialize(to: SocketAddress())
            return isFixed
                ? .accept(listener, address: address)
                : .acceptPlain(listener, address: address)
        }
    }
}
