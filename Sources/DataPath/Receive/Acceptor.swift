import Glibc
import Reactor
import System
import Wire

extension Datanode where Ring: ~Copyable {
    /// Keeps one accept in flight while there is room for a connection; the kernel's backlog holds
    /// the others. Several reactors accept on one socket: the kernel wakes one of those that wait.
    mutating func startAccept() {
        guard !isAccepting, !isStopping else { return }
        guard reservePlace() else { return closeOldestUnauthenticated() }
        isAccepting = true
        let listener = self.listener
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

    mutating func accepted(_ event: Event) {
        isAccepting = false
        let scratch = reactor.operations.scratch(of: event.completion.token)
        let address = scratch.load(as: SocketAddress.self)
        switch event.outcome {
        case .done(let number):
            // It has the listener's options, which sockets inherit.
            let connection = Connection(
                role: .inbound, life: .open,
                descriptor: share.isWhole ? .fixed(number) : .plain(number), address: address,
                zeroCopy: ZeroCopy(isAllowed: mayZeroCopy))
            guard let index = connections.insert(connection) else {
                preconditionFailure("an accept is started only with room for its connection")
            }
            counters.connectionsAccepted &+= 1
            guard !isStopping else { return close(index) }
            unauthenticated.add(index)
            beginHeader(index)
            if unauthenticated.count > settings.budget.unauthenticated {
                closeOldestUnauthenticated()
            }
            startAccept()
        case .again, .disconnected, .failed(EINVAL), .failed(EPERM):
            releasePlace()
            startAccept()
        case .cancelled, .full: releasePlace()
        case .failed:
            // Out of descriptors or of fixed files: a connection that ends starts the next accept.
            releasePlace()
            if connections.count == 0 { startAccept() }
        }
    }
}
