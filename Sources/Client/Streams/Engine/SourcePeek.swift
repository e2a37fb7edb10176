import Glibc
import Reactor
import Wire

/// The one read ahead of any block, to learn whether a source has more bytes.
struct SourcePeek<Ring: RingBackend & ~Copyable>: ~Copyable {
    private enum State {
        case none, running
        /// The first bytes, and how many; no buffer: the source has ended.
        case done(BufferIndex?, Int)
        case failed(Int32)
    }

    private var state = State.none
    private var token = OperationToken.nobody

    /// A peek takes few bytes, so that they fit the first frame of any block.
    private static var bytes: Int { 4096 }

    init() {}

    var isRunning: Bool {
        @inline(__always) get { if case .running = state { true } else { false } }
    }

    var hasNews: Bool {
        @inline(__always) get {
            switch state {
            case .done, .failed: true
            case .none, .running: false
            }
        }
    }

    mutating func begin(_ descriptor: Int32, _ core: inout StreamCore<Ring>) {
        guard case .none = state else { preconditionFailure("one peek at a time") }
        guard let buffer = core.buffers.take() else {
            preconditionFailure("a peek comes when no write holds every buffer")
        }
        core.buffers[buffer] = BufferRecord()
        state = .running
        start(descriptor, buffer, &core)
    }

    private mutating func start(
        _ descriptor: Int32, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        token = core.reactor.start(
            .read(
                .plain(descriptor), core.buffers.payload(of: buffer),
                count: min(core.settings.packetBytes, Self.bytes), offset: .max,
                registered: false),
            OperationContext(
                kind: EngineOperation.peek.rawValue, owner: UInt32(bitPattern: descriptor),
                buffer: buffer))
    }

    mutating func completed(_ event: Event, _ core: inout StreamCore<Ring>) {
        let buffer = event.operation.requiredBuffer
        switch event.result {
        case 1...: state = .done(buffer, Int(event.result))
        case -EINTR, -EAGAIN: start(Int32(bitPattern: event.operation.owner), buffer, &core)
        case 0:
            core.buffers.release(buffer)
            state = .done(nil, 0)
        default:
            core.buffers.release(buffer)
            state = .failed(-event.result)
        }
    }

    mutating func nextEvent() -> StreamEvent? {
        switch state {
        case .none, .running: return nil
        case .done(let buffer, let count):
            state = .none
            return .peeked(buffer: buffer, count: count)
        case .failed(let number):
            state = .none
            return .peekFailed(number)
        }
    }

    /// Gives back what the owner has not taken; one that runs comes back with its completion.
    mutating func end(_ core: inout StreamCore<Ring>) {
        guard !isRunning else { return core.reactor.cancel(token) }
        if case .done(let buffer?, _) = state { core.buffers.release(buffer) }
        state = .none
    }
}
