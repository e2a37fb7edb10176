import Glibc
import Reactor
import System
import Transport
import Wire

/// What a datanode keeps of its connections beside the transport that carries them: who takes their
/// places, and how they come in.
struct Connections: ~Copyable {
    var places: ConnectionPlaces
    /// What a failed connection's error frame will say.
    var reports: [ConnectionIndex: ErrorReport] = [:]
    /// Of the challenges to successors.
    var random: ChallengeRandom

    let listener: Descriptor
    /// An accept is in flight.
    var isAccepting = false

    init(_ budget: Budget, listener: Descriptor, door: ReactorDoor?, random: ChallengeRandom) {
        places = ConnectionPlaces(budget, door: door)
        self.random = random
        self.listener = listener
    }
}

extension Core where Ring: ~Copyable {
    // MARK: Coming in

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

    /// An accept came back.
    /// - Returns: the connection that came, to be received on.
    mutating func accepted(_ event: Event) -> ConnectionIndex? {
        connections.isAccepting = false
        let scratch = reactor.operations.scratch(of: event.completion.token)
        let address = scratch.load(as: SocketAddress.self)
        switch event.outcome {
        case .done(let number):
            counters.connectionsAccepted &+= 1
            // It has the listener's options, which sockets inherit.
            let index = enter(share.isWhole ? .fixed(number) : .plain(number), address)
            guard !isStopping else {
                end(index)
                return nil
            }
            startAccept()
            return index
        case .again, .disconnected, .failed(EINVAL), .failed(EPERM):
            connections.places.release()
            startAccept()
        case .cancelled, .full: connections.places.release()
        case .failed:
            // Out of descriptors or of fixed files: a connection that ends starts the next accept.
            connections.places.release()
            if transport.count == 0 { startAccept() }
        }
        return nil
    }

    /// Closes connections without a stream until the next one finds a place; when all have one,
    /// the kernel's backlog holds who comes.
    mutating func makeRoom() {
        while connections.places.isCrowded,
            let index = connections.places.givesWay ?? transport.oldestParked
        {
            counters.connectionsGivenUp &+= 1
            end(index)
        }
    }

    /// After how many bytes payload may go out without a copy; `nil`: never.
    mutating func zeroCopyAfter(_ side: ConnectionRole.Side) -> UInt64? {
        guard mayZeroCopy else { return nil }
        return side == .inbound ? Budget.provenBytes : 0
    }

    // MARK: Streams

    /// Sends one frame from the connection's own memory.
    mutating func send(
        _ kind: OperationKind, _ index: ConnectionIndex, _ header: FrameHeader,
        payload: [UInt8] = []
    ) {
        payload.withUnsafeBytes { transport.fill(index, header, $0) }
        transport.sendFrame(index, kind: kind.rawValue)
    }

    // MARK: Letting go

    /// A connection without a stream gives its place up when places run short, but not while the
    /// kernel holds bytes of its last answer: closing would take them back.
    mutating func restIfSettled(_ index: ConnectionIndex) {
        let connection = transport.at(index)
        let role = connection.role
        guard connection.isOpen, role.side == .inbound, role.stream == nil, role.reader == nil,
            role.failure == nil, !connection.isHeld
        else { return }
        connections.places.rest(index)
    }

    /// Keeps a connection to a successor for the next stream to the same node. The one that was
    /// kept longest makes way.
    mutating func park(_ index: ConnectionIndex) {
        if transport.parkedCount == Budget.parked, let oldest = transport.oldestParked {
            end(oldest)
        }
        transport.park(index)
        // Below the time after which the other side closes an idle connection.
        transport.awaitReceiving(index, within: settings.idleTimeout / 3)
    }

    /// Ends a connection that carries nothing any more.
    mutating func end(_ index: ConnectionIndex) {
        guard transport.at(index).isLive else { return }
        leave(index)
        transport.close(index)
    }

    /// The connection is another reactor's now; its descriptor stays open. The record stays while
    /// the kernel still has memory of a zero-copy send.
    mutating func handOver(_ index: ConnectionIndex) {
        counters.connectionsMoved &+= 1
        leave(index)
        transport.handOver(index)
    }

    private mutating func leave(_ index: ConnectionIndex) {
        let role = transport.at(index).role
        precondition(role.stream == nil && role.reader == nil, "who closes has let go")
        connections.places.leave(index)
        connections.reports[index] = nil
    }

    /// The kernel has let go of it.
    mutating func closed(_ index: ConnectionIndex) {
        transport.remove(index)
        connections.places.left()
        startAccept()
    }
}
