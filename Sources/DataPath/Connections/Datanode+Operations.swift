import Reactor
import Wire

// A connection's operations and deadlines. Every operation is counted at its owner, so that nothing
// is freed while the kernel may still complete it.
extension Datanode where Ring: ~Copyable {
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

    // MARK: Deadlines

    // Each connection has two: of its receiving half (even owner) and of its sending half (odd).

    /// What is awaited is to come within `span` nanoseconds.
    @inline(__always)
    mutating func armReceiveDeadline(_ index: Int32, _ span: UInt64) {
        reactor.timers.arm(UInt32(index) * 2, at: deadline(span))
    }

    @inline(__always)
    mutating func clearReceiveDeadline(_ index: Int32) { reactor.timers.clear(UInt32(index) * 2) }

    /// What is being sent is to be taken within `span` nanoseconds.
    @inline(__always)
    mutating func armSendDeadline(_ index: Int32, _ span: UInt64) {
        reactor.timers.arm(UInt32(index) * 2 + 1, at: deadline(span))
    }

    @inline(__always)
    mutating func clearSendDeadline(_ index: Int32) { reactor.timers.clear(UInt32(index) * 2 + 1) }

    /// A deadline passed: of the receiving half (even owner) or the sending half (odd).
    mutating func expire(_ owner: UInt32) {
        if let device = scrubbedDevice(ofTimer: owner) { return scrubTurn(device) }
        guard owner != readTurnTimer else { return readTurn() }
        let index = Int32(owner / 2)
        guard connections.isUsed(index) else { return }
        let connection = connections.at(index)
        guard connection.pointee.life != .closing else { return }
        guard !connection.pointee.isParked else { return close(index) }
        counters.deadlinesMissed &+= 1
        if connection.pointee.role == .outbound, connection.pointee.stream >= 0 {
            let status: Status =
                connection.pointee.life == .connecting ? .nextHopUnreachable : .slowPeer
            return successorLost(
                connection.pointee.stream, status, "the next node made no progress in time")
        }
        guard owner % 2 == 0, connection.pointee.receiving != .discarding else {
            return close(index)
        }
        // Who waits for a buffer waits for this node, not this node for it.
        fail(index, connection.pointee.receiving == .waitingForBuffer ? .busy : .slowPeer)
    }
}
