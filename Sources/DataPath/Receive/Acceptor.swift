import Glibc
import Reactor
import Wire

extension Datanode where Ring: ~Copyable {
    /// Keeps one accept in flight while there is room for a connection; the kernel's backlog holds
    /// the others.
    mutating func startAccept() {
        guard !isAccepting, !connections.isFull, !isStopping else { return }
        isAccepting = true
        let listener = self.listener
        let context = OperationContext(kind: OperationKind.accept.rawValue, owner: 0)
        reactor.start(context) { memory in
            let address = memory.bindMemory(to: SocketAddress.self, capacity: 1)
            address.initialize(to: SocketAddress())
            return .accept(listener, address: address)
        }
    }

    mutating func accepted(_ event: Event) {
        isAccepting = false
        let scratch = reactor.operations.scratch(of: event.completion.token)
        let address = scratch.load(as: SocketAddress.self)
        switch event.outcome {
        case .done(let number):
            let connection = Connection(
                role: .inbound, life: .open, descriptor: .fixed(number), address: address,
                zeroCopy: ZeroCopy(isAllowed: mayZeroCopy))
            guard let index = connections.insert(connection) else {
                preconditionFailure("an accept is started only with room for its connection")
            }
            counters.connectionsAccepted &+= 1
            reactor.ring.configure(.fixed(number))
            beginHeader(index)
            startAccept()
        case .again, .disconnected, .failed(EINVAL), .failed(EPERM): startAccept()
        case .cancelled, .full: break
        case .failed:
            // Out of descriptors or of fixed files: a connection that ends starts the next accept.
            if connections.count == 0 { startAccept() }
        }
    }
}
