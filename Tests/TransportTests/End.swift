import Glibc
import Reactor
import System
import Wire

@testable import Transport

/// One end of connections on a simulated ring: it does what a test says and keeps what it hears.
final class End: SimulationParticipant {
    static let bufferBytes = 1 << 20
    static let sendKind: UInt8 = 16
    private static let acceptKind: UInt8 = 32
    private static let memory = ConnectionMemory(received: 128..<2048, sent: 2048..<4096)

    var transport: Transport<SimulatedRing, UInt8>
    var buffers: BufferPool
    private let region: BufferRegion
    private var listener = Descriptor.none
    private let provenBytes: UInt64?

    private(set) var news: [ConnectionNews] = []
    private(set) var expired: [Expiry] = []
    /// The connection that came in last.
    private(set) var accepted: ConnectionIndex?
    /// Called with every news.
    var hears: (End, ConnectionIndex, ConnectionNews) -> Void = { _, _, _ in }

    init(
        _ world: SimulatedWorld, node: String, listeningOn address: SocketAddress? = nil,
        zeroCopyAfter proven: UInt64? = nil, progressTimeout: UInt64? = nil
    ) throws {
        region = try BufferRegion(byteCount: 4 * Self.bufferBytes)
        var ring = world.makeRing(node: node)
        try ring.register(region: region.bytes)
        buffers = BufferPool(
            memory: region.bytes.baseAddress.unsafelyUnwrapped, stride: Self.bufferBytes, count: 4)
        provenBytes = proven
        transport = Transport(
            ring: ring, connections: 4, memoryBytes: 4096, operations: 32, timers: 1,
            progressTimeout: progressTimeout)
        guard let address else { return }
        (listener, _) = try transport.reactor.ring.listen(on: address, backlog: 4)
        accept()
    }

    var nextDeadline: UInt64? { transport.reactor.timers.nextDeadline }
    var freeBuffers: Int { buffers.free }

    private func accept() {
        let listener = listener
        let context = OperationContext(kind: Self.acceptKind, owner: 0)
        transport.reactor.start(context) { memory in
            let address = memory.bindMemory(to: SocketAddress.self, capacity: 1)
            address.initialize(to: SocketAddress())
            return .accept(listener, address: address)
        }
    }

    func turn() -> Bool {
        var handled = transport.reactor.turn(waitUntil: transport.reactor.now)
        while let event = transport.reactor.next() { handle(event) }
        while let expiry = transport.nextExpired() {
            expired.append(expiry)
            handled += 1
        }
        return handled > 0
    }

    private func handle(_ event: Event) {
        guard ConnectionOperation.isKind(event.operation.kind) else {
            guard case .done(let number) = event.outcome else { return accept() }
            accepted = transport.adopt(
                .fixed(number), from: SocketAddress(), 0, Self.memory, zeroCopyAfter: provenBytes)
            if let accepted { hears(self, accepted, .opened) }
            return accept()
        }
        let index = ConnectionIndex(owner: event.operation.owner)
        hear(index, transport.handle(event, &buffers))
        transport.checkInvariants()
    }

    private func hear(_ index: ConnectionIndex, _ what: ConnectionNews) {
        guard what != .none else { return }
        news.append(what)
        switch what {
        case .letGo(let buffer): give(buffer)
        case .closed: transport.remove(index)
        default: hears(self, index, what)
        }
    }

    func give(_ buffer: BufferIndex?) {
        if let buffer { _ = buffers.release(buffer) }
    }

    // MARK: What a test asks for

    func dial(_ address: SocketAddress) -> ConnectionIndex? {
        transport.dial(address, 0, Self.memory, zeroCopyAfter: provenBytes)
    }

    func receiveHeader(_ index: ConnectionIndex) { hear(index, transport.receiveHeader(index)) }

    func send(_ header: FrameHeader, _ index: ConnectionIndex) {
        var header = header
        transport.number(&header, index)
        transport.fill(index, header, UnsafeRawBufferPointer(start: nil, count: 0))
        transport.sendFrame(index, kind: Self.sendKind)
    }

    /// Sends one data frame of `count` bytes from a buffer, with the next header behind it when
    /// `next` is given, in one send.
    func sendData(_ count: Int, then next: FrameHeader? = nil, _ index: ConnectionIndex) {
        guard let buffer = buffers.take() else { preconditionFailure("a test has buffers") }
        let start = buffers.memory(buffer)
        var header = FrameHeader(.data)
        header.payloadLength = UInt32(count)
        if next != nil { header.flags = .more }
        memset(start + FrameHeader.byteCount, Int32(count & 0xff), count)
        header.pieceCount = UInt16(FrameHeader.pieces(offset: 0, length: header.payloadLength))
        transport.number(&header, index)
        header.encode(into: start)
        var bytes = header.frameBytes
        if var next {
            transport.number(&next, index)
            next.encode(into: start + bytes)
            bytes += FrameHeader.byteCount
        }
        transport.sendPayload(
            index, kind: Self.sendKind, buffer: buffer, start, count: bytes, &buffers)
    }

    func receivePayload(_ index: ConnectionIndex) {
        guard let buffer = buffers.take() else { preconditionFailure("a test has buffers") }
        transport.receivePayload(index, buffer: buffer, at: buffers.memory(buffer))
    }
}
