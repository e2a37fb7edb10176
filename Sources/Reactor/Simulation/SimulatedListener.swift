import Glibc
import System

/// A listening socket: connections that nobody accepted yet, and accepts that wait for one.
final class SimulatedListener: SimulatedObject {
    let node: SimulatedNode
    let address: SocketAddress
    let backlog: Int
    private var connections: [SimulatedSocket] = []
    private var accepts: [SimulatedOperation] = []
    private var lastAccept: EventKey?
    private(set) var isShut = false

    init(node: SimulatedNode, address: SocketAddress, backlog: Int32) {
        self.node = node
        self.address = address
        self.backlog = Int(max(backlog, 1))
    }

    var isFull: Bool { connections.count >= backlog }

    func arrive(_ connection: SimulatedSocket) {
        connection.hold()
        connections.append(connection)
        pump()
    }

    func accept(_ operation: SimulatedOperation) {
        accepts.append(operation)
        pump()
    }

    private func pump() {
        while let operation = accepts.first, let result = answer(operation) {
            accepts.removeFirst()
            operation.ring.settle(operation, result, after: &lastAccept)
        }
    }

    private func answer(_ operation: SimulatedOperation) -> Int32? {
        guard !isShut else { return -EINVAL }
        if operation.injected != 0 { return -operation.injected }
        guard !connections.isEmpty else { return nil }
        let connection = connections.removeFirst()
        // With a full table the kernel has taken the connection already and drops it.
        defer { connection.letGo() }
        switch operation.request {
        case .accept(_, let address):
            guard let index = operation.ring.install(connection) else { return -ENFILE }
            if let peer = connection.peer { address.pointee = peer.address }
            return index
        case .acceptPlain(_, let address):
            guard let number = operation.ring.openPlain(connection) else { return -EMFILE }
            if let peer = connection.peer { address.pointee = peer.address }
            return number
        default: preconditionFailure("an accept")
        }
    }

    func cancel(_ operation: SimulatedOperation) {
        withdraw(operation)
        operation.ring.settle(operation, -ECANCELED, after: &lastAccept)
    }

    func withdraw(_ operation: SimulatedOperation) { accepts.removeAll { $0 === operation } }

    func shutDown() -> Int32 {
        isShut = true
        node.world.forget(self)
        pump()
        return 0
    }

    override func end() {
        node.world.forget(self)
        let waiting = connections
        connections = []
        for connection in waiting {
            connection.fail(ECONNRESET)
            connection.peer?.fail(ECONNRESET)
            connection.letGo()
        }
    }
}
