import Glibc
import Reactor
import System
import Transport
import Wire

extension Datanode where Ring: ~Copyable {
    mutating func accepted(_ event: Event) {
        core.connections.isAccepting = false
        let scratch = core.reactor.operations.scratch(of: event.completion.token)
        let address = scratch.load(as: SocketAddress.self)
        switch event.outcome {
        case .done(let number):
            core.counters.connectionsAccepted &+= 1
            // It has the listener's options, which sockets inherit.
            let index = enter(core.share.isWhole ? .fixed(number) : .plain(number), address)
            guard !core.isStopping else { return close(index) }
            beginHeader(index)
            core.startAccept()
        case .again, .disconnected, .failed(EINVAL), .failed(EPERM):
            core.connections.places.release()
            core.startAccept()
        case .cancelled, .full: core.connections.places.release()
        case .failed:
            // Out of descriptors or of fixed files: a connection that ends starts the next accept.
            core.connections.places.release()
            if core.transport.count == 0 { core.startAccept() }
        }
    }

    /// Takes in a connection whose place was reserved, from the listener or from another reactor.
    mutating func enter(_ descriptor: Descriptor, _ address: SocketAddress) -> ConnectionIndex {
        let index = core.transport.adopt(
            descriptor, from: address, ConnectionRole(.inbound), .inbound,
            zeroCopyAfter: core.zeroCopyAfter(.inbound))
        guard let index else {
            preconditionFailure("a connection comes in with a place reserved")
        }
        if let oldest = core.connections.places.enter(index) {
            core.counters.unauthenticatedClosed &+= 1
            close(oldest)
        }
        return index
    }

    /// Closes connections without a stream until the next one finds a place; when all have one,
    /// the kernel's backlog holds who comes.
    mutating func makeRoom() {
        while core.connections.places.isCrowded,
            let index = core.connections.places.givesWay ?? core.transport.oldestParked
        {
            core.counters.connectionsGivenUp &+= 1
            close(index)
        }
    }
}
