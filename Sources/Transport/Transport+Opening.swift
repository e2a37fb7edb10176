import Reactor
import System
import Wire

// How a connection begins: dialled, taken in, or kept from the stream before.
extension Transport where Ring: ~Copyable {
    /// Begins to connect; `opened`, `noSocket` or `unreachable` follows.
    /// - Parameter proven: payload may go out without a copy when the socket has taken so many
    ///   bytes; `nil`: never.
    /// - Returns: `nil` at the bound.
    public mutating func dial(
        _ address: SocketAddress, _ role: Role, _ memory: ConnectionMemory,
        zeroCopyAfter proven: UInt64? = nil
    ) -> ConnectionIndex? {
        let link = Link(.connecting, .none, address, memory, zeroCopyAfter: proven)
        guard let index = insert(link, role) else { return nil }
        links.at(index).pointee.streamNumber = 1
        start(.makeSocket, index, .socket(family: address.family))
        return index
    }

    /// Takes in a connected socket, which has its options.
    /// - Returns: `nil` at the bound.
    public mutating func adopt(
        _ descriptor: Descriptor, from address: SocketAddress, _ role: Role,
        _ memory: ConnectionMemory, zeroCopyAfter proven: UInt64? = nil
    ) -> ConnectionIndex? {
        insert(Link(.open, descriptor, address, memory, zeroCopyAfter: proven), role)
    }

    private mutating func insert(_ link: Link, _ role: Role) -> ConnectionIndex? {
        guard let index = links.insert(link) else { return nil }
        (roles + index.place).initialize(to: role)
        return index
    }

    @usableFromInline
    mutating func madeSocket(_ index: ConnectionIndex, _ outcome: Outcome) -> ConnectionNews {
        let link = links.at(index)
        if case .done(let number) = outcome { link.pointee.descriptor = .plain(number) }
        guard settle(index) else { return .none }
        switch outcome {
        case .done:
            reactor.ring.configure(link.pointee.descriptor)
            connect(index)
        case .again: start(.makeSocket, index, .socket(family: link.pointee.address.family))
        case .cancelled, .disconnected, .full, .failed: return .noSocket(outcome.errno)
        }
        return .none
    }

    private mutating func connect(_ index: ConnectionIndex) {
        let link = links.at(index)
        link.pointee.pending += 1
        let context = OperationContext(
            kind: ConnectionOperation.connect.rawValue, owner: index.owner)
        link.pointee.sendToken = reactor.connect(
            link.pointee.descriptor, to: link.pointee.address, context)
    }

    @usableFromInline
    mutating func connected(_ index: ConnectionIndex, _ outcome: Outcome) -> ConnectionNews {
        guard settle(index) else { return .none }
        switch outcome {
        case .done:
            links.at(index).pointee.life = .open
            restReceiving(index)
            return .opened
        case .again: connect(index)
        case .cancelled, .disconnected, .full, .failed: return .unreachable(outcome.errno)
        }
        return .none
    }

    // MARK: Streams

    /// The next stream begins on a connection that this side opened.
    public mutating func beginStream(_ index: ConnectionIndex) {
        beginStream(index, number: links.at(index).pointee.streamNumber &+ 1)
    }

    /// A stream begins, under its opener's number: both ends count their frames from 0.
    public mutating func beginStream(_ index: ConnectionIndex, number: UInt32) {
        links.at(index).pointee.streamNumber = number
        links.at(index).pointee.sequence = 0
    }

    // MARK: Between two streams

    /// Keeps a connection whose stream is over for the next one to the same address.
    public mutating func park(_ index: ConnectionIndex) {
        precondition(!links.at(index).pointee.isParked, "a connection is parked once")
        links.at(index).pointee.isParked = true
        parked.add(index)
        restReceiving(index)
    }

    /// The one that was parked last, of those to `address`, with the next stream begun on it.
    public mutating func takeParked(to address: SocketAddress) -> ConnectionIndex? {
        var next = parked.newest
        while let index = next {
            if links.at(index).pointee.address.isSame(as: address) {
                unpark(index)
                restReceiving(index)
                beginStream(index)
                return index
            }
            next = parked.older(than: index)
        }
        return nil
    }

    public var parkedCount: Int { parked.count }
    /// The one that is idle longest.
    public var oldestParked: ConnectionIndex? { parked.oldest }

    mutating func unpark(_ index: ConnectionIndex) {
        guard links.at(index).pointee.isParked else { return }
        links.at(index).pointee.isParked = false
        parked.remove(index)
    }
}
