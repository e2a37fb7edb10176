import Glibc
import Reactor
import System
import Transport
import Wire

/// What every room of an engine works with: its ring and connections, its buffers, and the news for
/// its owner.
///
/// A room is a type of its own (`BlockWriters`, `BlockReaders`, ...) with state of its own. Its
/// methods are given the core `inout`, and see nothing of the other rooms: what a room wants from
/// another comes back as a result, and `StreamEngine` follows it.
struct StreamCore<Ring: RingBackend & ~Copyable>: ~Copyable {
    // The ring ends before the memory that it was given.
    var transport: Transport<Ring, StreamRole>
    let settings: EngineSettings
    private let places: PartyPlaces
    var buffers: StreamBuffers
    var news: News
    /// Of the challenges to nodes.
    var random: ChallengeRandom
    /// To datanodes.
    private var openConnections = 0

    /// - Throws: `RingFailure` when there is no memory, or it cannot be registered and must be.
    init(
        _ ring: consuming Ring, _ settings: EngineSettings, random: ChallengeRandom
    ) throws(RingFailure) {
        buffers = try StreamBuffers(settings, registeredWith: &ring)
        places = PartyPlaces(settings)
        news = News(places)
        transport = Transport(
            ring: ring, connections: settings.places,
            memoryBytes: ConnectionMemory.streamBytes, operations: settings.operations,
            timers: places.count)
        self.settings = settings
        self.random = random
    }

    /// For files, and everything else that is no connection.
    var reactor: Reactor<Ring> {
        @inline(__always) _read { yield transport.reactor }
        @inline(__always) _modify { yield &transport.reactor }
    }

    // MARK: Buffers

    /// A buffer with one hold; without one, `waiter` is served when there is.
    mutating func takeBuffer(for waiter: StreamBuffers.Waiter) -> BufferIndex? {
        if let buffer = buffers.take() { return buffer }
        buffers.enqueue(waiter)
        return nil
    }

    // MARK: Deadlines

    // Each party has one.

    /// What is owed to it is to come within `span` nanoseconds.
    @inline(__always)
    mutating func arm(_ party: Party, within span: UInt64) {
        transport.arm(timer: places.place(of: party), within: span)
    }

    @inline(__always)
    mutating func rest(_ party: Party) { transport.clear(timer: places.place(of: party)) }

    /// The next party whose deadline has passed.
    mutating func nextExpired() -> Party? {
        guard let expiry = transport.nextExpired() else { return nil }
        guard case .timer(let timer) = expiry else {
            preconditionFailure("parties have deadlines, and their connections none")
        }
        return places.party(at: timer)
    }

    // MARK: Connections to datanodes

    /// An idle connection to `address`, or a new one; `nil` at the bound.
    mutating func connection(to address: SocketAddress, for party: Party) -> ConnectionIndex? {
        if let index = transport.takeParked(to: address) {
            transport.at(index).role = StreamRole(party)
            return index
        }
        guard openConnections < settings.connections else {
            // An idle connection to somebody else makes room, one turn later.
            if let idle = transport.oldestParked { close(idle) }
            return nil
        }
        guard let index = transport.dial(address, StreamRole(party), .stream) else {
            preconditionFailure("every connection within its bound has a place")
        }
        openConnections += 1
        return index
    }

    /// The stream is over; the connection waits for the next one. `false`: it is broken, and
    /// closes.
    mutating func park(_ index: ConnectionIndex) -> Bool {
        let isBroken = transport.at(index).role.isBroken
        guard !isBroken else {
            close(index)
            return false
        }
        transport.at(index).role = StreamRole(nil)
        transport.park(index)
        return true
    }

    mutating func close(_ index: ConnectionIndex) {
        transport.at(index).role = StreamRole(nil)
        transport.close(index)
    }

    /// The kernel has let go of it.
    mutating func closed(_ index: ConnectionIndex) {
        transport.remove(index)
        openConnections -= 1
    }

    /// Why a stream fails on whose connection nothing came before its deadline.
    mutating func silence(on index: ConnectionIndex) -> StreamFailure {
        transport.at(index).isOpen ? .timedOut : .unreachable(ETIMEDOUT)
    }

    // MARK: Sending

    // One send is in flight per connection: a control frame from its own memory, or a data frame
    // from its buffer.

    @inline(__always)
    func canSend(_ index: ConnectionIndex) -> Bool {
        let connection = transport.at(index)
        return connection.isOpen && !connection.isSending && !connection.role.isBroken
    }

    /// Sends one frame without a buffer, with `payload` behind its header.
    mutating func sendControl(
        _ index: ConnectionIndex, _ header: FrameHeader, payload: [UInt8] = []
    ) {
        var header = header
        transport.number(&header, index)
        payload.withUnsafeBytes { transport.fill(index, header, $0) }
        transport.sendFrame(index, kind: EngineOperation.sendControl.rawValue)
    }

    /// Sends a buffer's frame, header and payload in one send; the connection holds the buffer
    /// until the kernel lets go.
    mutating func sendData(_ index: ConnectionIndex, buffer: BufferIndex, flags: FrameFlags) {
        buffers.hold(buffer)
        var header = buffers[buffer].header
        header.flags = flags
        transport.number(&header, index)
        let start = buffers.payload(of: buffer) - FrameHeader.byteCount
        header.encode(into: start)
        transport.sendPayload(
            index, kind: EngineOperation.sendData.rawValue, buffer: buffer, start,
            count: header.frameBytes, &buffers.pool)
    }

    // MARK: What holds

    mutating func checkInvariants() {
        transport.checkInvariants()
        buffers.checkInvariants()
        precondition(
            openConnections >= 0 && openConnections <= settings.connections,
            "connections have a bound")
    }
}
