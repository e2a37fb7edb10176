import Reactor
import System
import Wire

/// The TCP connections of one reactor that carry frames: their records, their own memory, what is
/// in flight on them, their two deadlines each, and their end.
///
/// Its user asks for one thing at a time in each direction: the next header, the body of that
/// header, a send. It hands every completion of a connection's operation to `handle` and acts on
/// the news. Short transfers, interruptions and what comes late are not its matter. `Role` is what
/// the user keeps of a connection; everything else of it only the transport changes.
public struct Transport<Ring: RingBackend & ~Copyable, Role: BitwiseCopyable>: ~Copyable {
    /// Files and everything else that is no connection use it directly.
    public var reactor: Reactor<Ring>
    public let capacity: Int
    public internal(set) var counters = TransportCounters()

    /// What has begun, a frame or its body, must be whole within this, nanoseconds; `nil`: its user
    /// keeps deadlines of its own.
    @usableFromInline
    let progressTimeout: UInt64?
    @usableFromInline
    var links: Slab<Link>
    @usableFromInline
    let roles: UnsafeMutablePointer<Role>
    /// Of every connection. The ring ends before it.
    private let owned: OwnedMemory
    @usableFromInline
    let memory: UnsafeMutableRawPointer
    @usableFromInline
    let memoryBytes: Int
    /// Open connections without a stream, in the order in which they lost it.
    var parked: AgeList<Link>

    /// - Parameters:
    ///   - memoryBytes: each connection's own memory: what its `ConnectionMemory` names.
    ///   - operations: that may be in flight at once. A connection has a receive, a send and one of
    ///     the others; when it closes while zero-copy sends are under way, one more.
    ///   - timers: deadlines beside the connections' own.
    public init(
        ring: consuming Ring, connections: Int, memoryBytes: Int, operations: Int, timers: Int,
        progressTimeout: UInt64? = nil
    ) {
        capacity = connections
        self.memoryBytes = (memoryBytes + 63) / 64 * 64
        self.progressTimeout = progressTimeout
        owned = OwnedMemory(byteCount: connections * self.memoryBytes)
        memory = owned.start
        links = Slab(capacity: connections)
        roles = .allocate(capacity: connections)
        parked = AgeList(places: connections)
        reactor = Reactor(ring: ring, operations: operations, timers: 2 * connections + timers)
    }

    deinit { roles.deallocate() }

    // What every frame does is `@inlinable`, so that it is compiled anew for its user's ring. And a
    // call that only borrows `self` copies all of it to the stack first: so it is inlined too, or
    // `mutating`, which gets an address.

    public var count: Int { links.count }
    /// Every place, used or free.
    public var places: RecordPlaces<Link> { links.places }

    @inlinable
    @inline(__always)
    public func isUsed(_ index: ConnectionIndex) -> Bool { links.isUsed(index) }

    @inlinable
    @inline(__always)
    public func at(_ index: ConnectionIndex) -> Connection<Role> {
        Connection(links.at(index), roles + index.place)
    }

    /// Where the header of a connection's next frame is received.
    @inlinable
    @inline(__always)
    func memory(of index: ConnectionIndex) -> UnsafeMutableRawPointer {
        memory + index.place * memoryBytes
    }

    /// Where a body without a buffer lies.
    @inlinable
    @inline(__always)
    public func bodyMemory(of index: ConnectionIndex) -> UnsafeMutableRawPointer {
        memory(of: index) + links.at(index).pointee.memory.receivedOffset
    }

    /// Takes a completion of an operation of `ConnectionOperation.isKind`; its owner is the
    /// connection.
    @inlinable
    public mutating func handle(
        _ event: Event, _ buffers: inout BufferPool
    ) -> ConnectionNews {
        let index = ConnectionIndex(owner: event.operation.owner)
        guard let operation = ConnectionOperation(rawValue: event.operation.kind) else {
            return sent(index, event, &buffers)
        }
        switch operation {
        case .receiveHeader, .receiveBody, .receiveBytes: return received(index, event)
        case .makeSocket: return madeSocket(index, event.outcome)
        case .connect: return connected(index, event.outcome)
        case .shutdown: return shutDown(index)
        case .discard: return discarded(index, event.outcome)
        case .disconnect:
            _ = settle(index)
            return .none
        case .close:
            links.at(index).pointee.pending -= 1
            return .closed
        }
    }

    // Every operation is counted at its connection, so that nothing is freed while the kernel may
    // still complete it.

    @inlinable
    @inline(__always)
    @discardableResult
    mutating func start(
        _ kind: UInt8, _ index: ConnectionIndex, buffer: BufferIndex? = nil, argument: UInt64 = 0,
        _ request: Request
    ) -> OperationToken {
        links.at(index).pointee.pending += 1
        return reactor.start(
            request,
            OperationContext(
                kind: kind, owner: index.owner, buffer: buffer, argument: argument))
    }

    @discardableResult
    mutating func start(
        _ operation: ConnectionOperation, _ index: ConnectionIndex, _ request: Request
    ) -> OperationToken { start(operation.rawValue, index, request) }

    /// An operation of a connection completed. `false`: the connection closes and only waits for
    /// its operations.
    @inlinable
    @inline(__always)
    mutating func settle(_ index: ConnectionIndex) -> Bool {
        let link = links.at(index)
        link.pointee.pending -= 1
        guard link.pointee.life == .closing else { return true }
        closeIfSettled(index)
        return false
    }

    @inlinable
    @inline(__always)
    func letGo(_ buffer: BufferIndex?) -> ConnectionNews {
        guard let buffer else { return .none }
        return .letGo(buffer: buffer)
    }

    /// What holds between two events, whatever they are.
    public mutating func checkInvariants() {
        for index in links.places where links.isUsed(index) {
            links.at(index).pointee.checkInvariants()
        }
    }
}

/// Memory that is given back with its owner: not in the owner's `deinit`, which runs before the
/// owner's other parts end.
private struct OwnedMemory: ~Copyable {
    let start: UnsafeMutableRawPointer

    init(byteCount: Int) { start = .allocate(byteCount: byteCount, alignment: 64) }

    deinit { start.deallocate() }
}

/// A deadline that has passed.
///
/// It stands beside `Transport` and not in it: the metadata of a type inside a generic one would be
/// looked up at run time, in each turn.
public enum Expiry: Equatable {
    case receiving(ConnectionIndex)
    case sending(ConnectionIndex)
    /// One of the user's.
    case timer(Int)
}

// Each connection has two deadlines: of its receiving half and of its sending half. The user's own
// stand behind them.
extension Transport where Ring: ~Copyable {
    /// The next deadline that has passed, or `nil`. Of connections that close none is told.
    @inlinable
    public mutating func nextExpired() -> Expiry? {
        while let owner = reactor.nextExpired() {
            guard owner < 2 * UInt32(capacity) else {
                return .timer(Int(owner) - 2 * capacity)
            }
            let index = ConnectionIndex(owner: owner / 2)
            guard links.isUsed(index), links.at(index).pointee.isLive else {
                continue
            }
            return owner % 2 == 0 ? .receiving(index) : .sending(index)
        }
        return nil
    }

    /// What is awaited is to come within `span` nanoseconds.
    @inlinable
    @inline(__always)
    public mutating func awaitReceiving(_ index: ConnectionIndex, within span: UInt64) {
        reactor.timers.arm(index.owner * 2, at: reactor.now &+ span)
    }

    @inlinable
    @inline(__always)
    public mutating func restReceiving(_ index: ConnectionIndex) {
        reactor.timers.clear(index.owner * 2)
    }

    /// What is being sent is to be taken within `span` nanoseconds.
    @inlinable
    @inline(__always)
    public mutating func awaitSending(_ index: ConnectionIndex, within span: UInt64) {
        reactor.timers.arm(index.owner * 2 + 1, at: reactor.now &+ span)
    }

    @inlinable
    @inline(__always)
    mutating func restSending(_ index: ConnectionIndex) {
        reactor.timers.clear(index.owner * 2 + 1)
    }

    /// Sets one of the user's deadlines anew.
    @inlinable
    @inline(__always)
    public mutating func arm(timer: Int, within span: UInt64) {
        reactor.timers.arm(UInt32(2 * capacity + timer), at: reactor.now &+ span)
    }

    @inlinable
    @inline(__always)
    public mutating func clear(timer: Int) { reactor.timers.clear(UInt32(2 * capacity + timer)) }
}
