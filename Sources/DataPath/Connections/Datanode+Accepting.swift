import Glibc
import Reactor
import System
import Transport
import Wire

extension Datanode where Ring: ~Copyable {
    /// Keeps one accept in flight while there is room for a connection; the kernel's backlog holds
    /// the others. Several reactors accept on one socket: the kernel wakes one of those that wait.
    mutating func startAccept() {
        guard !isAccepting, !isStopping else { return }
        guard places.reserve(for: .accept) else { return }
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
            counters.connectionsAccepted &+= 1
            // It has the listener's options, which sockets inherit.
            let index = enter(share.isWhole ? .fixed(number) : .plain(number), address)
            guard !isStopping else { return close(index) }
            beginHeader(index)
            startAccept()
        case .again, .disconnected, .failed(EINVAL), .failed(EPERM):
            places.release()
            startAccept()
        case .cancelled, .full: places.release()
        case .failed:
            // Out of descriptors or of fixed files: a connection that ends starts the next accept.
            places.release()
            if connections.count == 0 { startAccept() }
        }
    }

    /// Takes in a connection whose place was reserved, from the listener or from another reactor.
    mutating func enter(_ descriptor: Descriptor, _ address: SocketAddress) -> Int32 {
        let connection = Connection(
            role: .inbound, life: .open, descriptor: descriptor, address: address,
            zeroCopy: ZeroCopy(isAllowed: mayZeroCopy))
        guard let index = connections.insert(connection) else {
            preconditionFailure("a connection comes in with a place reserved")
        }
        if let oldest = places.enter(index) {
            counters.unauthenticatedClosed &+= 1
            close(oldest)
        }
        return index
    }

    /// Closes connections without a stream until the next one finds a place; when all have one,
    /// the kernel's backlog holds who comes.
    mutating func makeRoom() {
        while places.isCrowded, let index = places.givesWay ?? parked.first {
            counters.connectionsGivenUp &+= 1
            close(index)
        }
    }
}
