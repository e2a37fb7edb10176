import Reactor
import System
import Wire

/// A process at a dead datanode's address that is not that datanode (`ImpostorStream`), on a
/// simulated ring.
final class Impostor: SimulationParticipant {
    private enum Kind: UInt8 {
        case accept = 1
        case receive, send, close
    }

    /// One connection: at most one receive and one send of it are in flight.
    private final class Line {
        let descriptor: Descriptor
        let received = UnsafeMutableRawPointer.allocate(byteCount: Impostor.piece, alignment: 64)
        let sent = UnsafeMutableRawPointer.allocate(byteCount: Impostor.piece, alignment: 64)
        var stream: ImpostorStream
        var outbox: [UInt8] = []
        var pending = 0
        var isSending = false
        var isEnding = false

        init(_ descriptor: Descriptor, _ stream: ImpostorStream) {
            self.descriptor = descriptor
            self.stream = stream
        }

        deinit {
            received.deallocate()
            sent.deallocate()
        }
    }

    private static let piece = 64 << 10
    private static let lines = 32

    private var reactor: Reactor<SimulatedRing>
    private let listener: Descriptor
    private let keys: (KeyID) -> SigningKey?
    private var lines: [Line?] = Array(repeating: nil, count: Impostor.lines)
    private var isAccepting = false

    init(
        _ world: SimulatedWorld, node: String, at address: SocketAddress,
        keys: @escaping (KeyID) -> SigningKey?
    ) throws(RingFailure) {
        var ring = world.makeRing(node: node)
        (listener, _) = try ring.listen(on: address, backlog: 64)
        reactor = Reactor(ring: ring, operations: 4 * Self.lines, timers: 1)
        self.keys = keys
        accept()
    }

    var nextDeadline: UInt64? { nil }

    func turn() -> Bool {
        let count = reactor.turn(waitUntil: reactor.now)
        while let event = reactor.next() { handle(event) }
        return count > 0
    }

    private func accept() {
        guard !isAccepting, lines.contains(where: { $0 == nil }) else { return }
        isAccepting = true
        let listener = listener
        reactor.start(OperationContext(kind: Kind.accept.rawValue, owner: 0)) { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: SocketAddress())
            return .acceptPlain(listener, address: place)
        }
    }

    private func handle(_ event: Event) {
        guard let kind = Kind(rawValue: event.operation.kind) else {
            preconditionFailure("an operation of the impostor's")
        }
        let index = Int(event.operation.owner)
        if kind == .accept { return accepted(event.outcome) }
        guard let line = lines[index] else { preconditionFailure("a line outlives its operations") }
        line.pending -= 1
        switch (kind, event.outcome) {
        case (.close, _):
            lines[index] = nil
            return accept()
        case (_, .again): break
        case (.receive, .done(let count)) where count > 0:
            let bytes = UnsafeRawBufferPointer(start: line.received, count: Int(count))
            if let answers = line.stream.take(Array(bytes)) {
                line.outbox += answers
            } else {
                line.isEnding = true
            }
        case (.send, .done(let count)): line.outbox.removeFirst(Int(count))
        default: line.isEnding = true
        }
        if kind == .send { line.isSending = false }
        goOn(index, line, receives: kind == .receive)
    }

    private func accepted(_ outcome: Outcome) {
        isAccepting = false
        guard case .done(let number) = outcome else { return accept() }
        guard let index = lines.firstIndex(where: { $0 == nil }) else {
            preconditionFailure("it accepts while it has room")
        }
        let line = Line(.plain(number), ImpostorStream(keys: keys))
        lines[index] = line
        goOn(index, line, receives: true)
        accept()
    }

    private func goOn(_ index: Int, _ line: Line, receives: Bool) {
        guard !line.isEnding else {
            if line.pending == 0 { start(.close, index, line, .close(line.descriptor)) }
            return
        }
        if receives {
            start(
                .receive, index, line,
                .receive(line.descriptor, line.received, count: Self.piece, waitAll: false))
        }
        guard !line.isSending, !line.outbox.isEmpty else { return }
        let count = min(Self.piece, line.outbox.count)
        for place in 0..<count {
            line.sent.storeBytes(of: line.outbox[place], toByteOffset: place, as: UInt8.self)
        }
        line.isSending = true
        start(
            .send, index, line, .send(line.descriptor, line.sent, count: count, more: false))
    }

    private func start(_ kind: Kind, _ index: Int, _ line: Line, _ request: Request) {
        line.pending += 1
        reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index)))
    }
}
