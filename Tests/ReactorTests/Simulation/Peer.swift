import Glibc
import Reactor
import System

/// An actor that sends a pattern over one connection, or receives and checks one, and survives
/// whatever is no error: the smallest program that a simulation can drive.
final class Peer: SimulationParticipant {
    enum Kind: UInt8 {
        case socket = 1
        case connect, accept, receive, send
    }

    static let pieceBytes = 8192

    private var reactor: Reactor<SimulatedRing>
    private let region: BufferRegion
    private var outgoing: Pattern
    private var incoming: Pattern
    private(set) var sent = 0
    private(set) var received = 0
    private(set) var isBroken = false
    private(set) var errnos: [Int32] = []
    private(set) var mismatches = 0
    private let total: Int
    private let zeroCopy: Bool
    private var target: SocketAddress?
    private var listener = Descriptor.none
    private var socket = Descriptor.none
    private var queued = 0
    private var base = 0
    private var isHeld = false

    /// A peer that connects to `target` and sends `total` bytes.
    init(
        _ world: SimulatedWorld, node: String, sending total: Int, to target: SocketAddress,
        zeroCopy: Bool = false
    ) throws {
        region = try BufferRegion(byteCount: 4 * Self.pieceBytes)
        reactor = Reactor(ring: world.makeRing(node: node), operations: 16, timers: 1)
        outgoing = Pattern(seed: 5)
        incoming = Pattern(seed: 5)
        self.total = total
        self.target = target
        self.zeroCopy = zeroCopy
        reactor.start(.socket(family: AF_INET), Self.context(.socket))
    }

    /// A peer that listens and receives.
    init(_ world: SimulatedWorld, node: String, listeningOn address: SocketAddress) throws {
        region = try BufferRegion(byteCount: 4 * Self.pieceBytes)
        reactor = Reactor(ring: world.makeRing(node: node), operations: 16, timers: 1)
        outgoing = Pattern(seed: 5)
        incoming = Pattern(seed: 5)
        total = 0
        zeroCopy = false
        (listener, _) = try reactor.ring.listen(on: address, backlog: 4)
        accept()
    }

    var nextDeadline: UInt64? { reactor.timers.nextDeadline }
    private var memory: UnsafeMutableRawPointer { region.bytes.baseAddress.unsafelyUnwrapped }

    private static func context(_ kind: Kind) -> OperationContext {
        OperationContext(kind: kind.rawValue, owner: 0)
    }

    func turn() -> Bool {
        let count = reactor.turn(waitUntil: reactor.now)
        while let event = reactor.next() { handle(event) }
        return count > 0
    }

    private func handle(_ event: Event) {
        if event.completion.isNotification {
            isHeld = false
            send()
            return
        }
        if event.completion.hasMore { isHeld = true }
        guard let kind = Kind(rawValue: event.operation.kind) else {
            preconditionFailure("a kind of this peer")
        }
        switch event.outcome {
        case .done(let count): done(kind, count)
        case .again: repeatOperation(kind)
        case .cancelled, .disconnected, .full, .failed:
            errnos.append(event.outcome.errno)
            isBroken = true
        }
    }

    private func done(_ kind: Kind, _ result: Int32) {
        switch kind {
        case .socket:
            socket = .plain(result)
            connect()
        case .connect: send()
        case .accept:
            socket = .fixed(result)
            receive()
        case .receive:
            if !incoming.matches(memory, count: Int(result)) { mismatches += 1 }
            received += Int(result)
            if result > 0 { receive() }
        case .send:
            base += Int(result)
            queued -= Int(result)
            sent += Int(result)
            send()
        }
    }

    private func repeatOperation(_ kind: Kind) {
        switch kind {
        case .socket: reactor.start(.socket(family: AF_INET), Self.context(.socket))
        case .connect: connect()
        case .accept: accept()
        case .receive: receive()
        case .send: send()
        }
    }

    private func connect() {
        guard let target else { return }
        let socket = socket
        reactor.start(Self.context(.connect)) { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: target)
            return .connect(socket, address: UnsafePointer(place))
        }
    }

    private func accept() {
        let listener = listener
        reactor.start(Self.context(.accept)) { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: SocketAddress())
            return .accept(listener, address: place)
        }
    }

    private func receive() {
        reactor.start(
            .receive(socket, memory, count: Self.pieceBytes, waitAll: false),
            Self.context(.receive))
    }

    /// Sends the next piece, when the memory of the last is free and something is left.
    private func send() {
        guard !isHeld, !isBroken, sent < total else { return }
        if queued == 0 {
            queued = min(Self.pieceBytes, total - sent)
            base = 0
            outgoing.fill(memory, count: queued)
        }
        let request: Request =
            zeroCopy
            ? .sendZeroCopy(socket, memory + base, count: queued, registered: false)
            : .send(socket, memory + base, count: queued, more: false)
        reactor.start(request, Self.context(.send))
    }
}
