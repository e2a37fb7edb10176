import Glibc
import Reactor
import Wire

/// The one read ahead of any block, to learn whether a source has more bytes.
struct SourcePeek<Ring: RingBackend & ~Copyable>: ~Copyable {
    private enum State {
        case none, running
        /// The first bytes, and how many; no slot: the source has ended.
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
        guard let slot = core.slots.take() else {
            preconditionFailure("a peek comes when no write holds every slot")
        }
        core.slots[slot] = SlotRecord()
        state = .running
        start(descriptor, slot, &core)
    }

    private mutating func start(
        _ descriptor: Int32, _ slot: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        token = core.reactor.start(
            .read(
                .plain(descriptor), core.slots.payload(of: slot),
                count: min(core.settings.packetBytes, Self.bytes), offset: .max,
                registered: false),
            OperationContext(
                kind: EngineOperation.peek.rawValue, owner: UInt32(bitPattern: descriptor),
                buffer: slot))
    }

    mutating func completed(_ event: Event, _ core: inout StreamCore<Ring>) {
        let slot = event.operation.itsBuffer
        switch event.result {
        case 1...: state = .done(slot, Int(event.result))
        case -EINTR, -EAGAIN: start(Int32(bitPattern: event.operation.owner), slot, &core)
        case 0:
            core.slots.release(slot)
            state = .done(nil, 0)
        default:
            core.slots.release(slot)
            state = .failed(-event.result)
        }
    }

    mutating func nextEvent() -> StreamEvent? {
        switch state {
        case .none, .running: return nil
        case .done(let slot, let count):
            state = .none
            return .peeked(slot: slot, count: count)
        case .failed(let number):
            state = .none
            return .peekFailed(number)
        }
    }

    /// Gives back what the owner has not taken; one that runs comes back with its completion.
    mutating func end(_ core: inout StreamCore<Ring>) {
        guard !isRunning else { return core.reactor.cancel(token) }
        if case .done(let slot?, _) = state { core.slots.release(slot) }
        state = .none
    }
}
