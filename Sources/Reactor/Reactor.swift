import CURing
import Metrics
import System

/// One ring and what belongs to it on one thread: operations in flight, deadlines, counters.
///
/// A turn is: submit what was queued and wait (one system call), copy completions out, hand them to
/// the owner one by one, then the deadlines that passed. Owners queue operations while they handle
/// a completion; they never re-enter the turn. The reactor knows bytes, descriptors and time, and
/// nothing of blocks.
public struct Reactor<Ring: RingBackend & ~Copyable>: ~Copyable {
    /// The kind of the reactor's own operation: the read that other threads' wake-ups complete.
    public static var wakeKind: UInt8 { 255 }
    static var batch: Int { 256 }

    public var ring: Ring
    public var operations: OperationSlab
    public var timers: TimerWheel
    public var counters: ReactorCounters { tally }

    @usableFromInline
    var tally = ReactorCounters()

    private let completions: UnsafeMutablePointer<Completion>
    private var reaped = 0
    private var taken = 0

    /// - Parameters:
    ///   - operations: how many operations may be in flight at once.
    ///   - timers: how many owners may have a deadline.
    public init(ring: consuming Ring, operations: Int, timers: Int) {
        self.timers = TimerWheel(capacity: timers, now: ring.now)
        self.ring = ring
        self.operations = OperationSlab(capacity: operations)
        completions = .allocate(capacity: Self.batch)
        listenForWakes()
    }

    private mutating func listenForWakes() {
        let descriptor = ring.wakeDescriptor
        guard !descriptor.isNone else { return }
        start(OperationContext(kind: Self.wakeKind, owner: 0)) { memory in
            .read(descriptor, memory, count: 8, offset: 0, registered: false)
        }
    }

    deinit { completions.deallocate() }

    @inlinable
    public var now: UInt64 { ring.now }

    /// Starts an operation. Its completion comes in a later turn, with what `context` says.
    @inlinable
    @discardableResult
    public mutating func start(_ request: Request, _ context: OperationContext) -> OperationToken {
        let token = operations.begin(context, length: UInt32(request.byteCount))
        enqueue(request, token)
        return token
    }

    /// As `start`, for a request that needs memory the submitter does not keep: `fill` gets the
    /// operation's own `OperationSlab.scratchBytes`, stable until its last completion.
    @inlinable
    @discardableResult
    public mutating func start(
        _ context: OperationContext, fill: (UnsafeMutableRawPointer) -> Request
    ) -> OperationToken {
        let token = operations.begin(context, length: 0)
        enqueue(fill(operations.scratch(of: token)), token)
        return token
    }

    /// Connects a socket. The kernel reads the address when it takes the request, which may be
    /// after this call: it lies in the operation's own memory.
    @discardableResult
    public mutating func connect(
        _ descriptor: Descriptor, to address: SocketAddress, _ context: OperationContext
    ) -> OperationToken {
        start(context) { memory in
            let target = memory.bindMemory(to: SocketAddress.self, capacity: 1)
            target.initialize(to: address)
            return .connect(descriptor, address: target)
        }
    }

    /// Asks for an operation's end. Its completion still comes.
    @inlinable
    public mutating func cancel(_ token: OperationToken) {
        guard operations.find(token) != nil else { return }
        enqueue(.cancel(target: token), .nobody)
    }

    @inlinable
    mutating func enqueue(_ request: Request, _ token: OperationToken) {
        tally.operations &+= 1
        while !ring.prepare(request, token: token) {
            tally.submissionQueueFull &+= 1
            flush(until: nil)
        }
    }

    /// Submits, and waits until something completes, a deadline passes, or `limit` is reached.
    /// - Returns: how many completions `next()` will give.
    @discardableResult
    public mutating func turn(waitUntil limit: UInt64) -> Int {
        precondition(taken == reaped, "every completion of a turn is taken before the next")
        flush(until: min(limit, timers.nextDeadline ?? .max))
        reaped = ring.reap(into: completions, limit: Self.batch)
        taken = 0
        tally.turns &+= 1
        tally.completions &+= UInt64(reaped)
        return reaped
    }

    @usableFromInline
    mutating func flush(until deadline: UInt64?) {
        do {
            try ring.submit(until: deadline)
        } catch {
            // Only our own misuse of the ring fails here: a bad descriptor or a ring that is gone.
            preconditionFailure(error.description)
        }
    }

    /// The next completion of this turn with its operation, or `nil` when all are taken.
    public mutating func next() -> Event? {
        while taken < reaped {
            let completion = completions[taken]
            taken += 1
            guard let operation = operations.find(completion.token) else { continue }
            if !completion.hasMore { operations.end(completion.token) }
            guard operation.kind != Self.wakeKind else {
                listenForWakes()
                continue
            }
            return Event(operation: operation, completion: completion)
        }
        return nil
    }

    /// The next owner whose deadline has passed, or `nil`.
    public mutating func nextExpired() -> UInt32? { timers.expire(now: ring.now) }
}

/// A completion, with what its submitter left to be found.
public struct Event: BitwiseCopyable {
    public let operation: Operation
    public let completion: Completion

    @inlinable
    public init(operation: Operation, completion: Completion) {
        self.operation = operation
        self.completion = completion
    }

    @inlinable
    public var result: Int32 { completion.result }
    @inlinable
    public var outcome: Outcome { Outcome(completion.result) }
}

/// Plain counts of one reactor; whoever reports them takes a copy on its thread.
public struct ReactorCounters: Sendable, BitwiseCopyable {
    public var turns: UInt64 = 0
    public var operations: UInt64 = 0
    public var completions: UInt64 = 0
    public var submissionQueueFull: UInt64 = 0

    public init() {}

    package static let metrics: [Metric<ReactorCounters>] = [
        Metric(
            \.turns, "catena_reactor_turns_total", "Turns: one system call each, or more."),
        Metric(
            \.operations, "catena_reactor_operations_total",
            "Operations that the ring was given, cancellations too."),
        Metric(
            \.completions, "catena_reactor_completions_total",
            "Completions that the ring gave."),
        Metric(
            \.submissionQueueFull, "catena_reactor_submission_queue_full_total",
            "Submissions in the middle of a turn, for want of a free entry."),
    ]
}
