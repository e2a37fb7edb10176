import System

/// What a ring must do for the reactor: the kernel's io_uring, or a simulated one.
///
/// A ring belongs to one thread from its making to its end. `Conformance` (Tests/ReactorTests) is
/// one suite that every implementation passes; rooms are written against this protocol and
/// specialised, never against an existential.
public protocol RingBackend: ~Copyable {
    /// Nanoseconds on the clock by which deadlines are judged; it never goes back.
    var now: UInt64 { get }

    /// Queues an operation. `false`: the submission queue is full, submit first.
    mutating func prepare(_ request: Request, token: OperationToken) -> Bool

    /// Hands what is queued to the ring and waits until a completion is there or `now` has reached
    /// `deadline`.
    /// `nil` does not wait. Interruptions by signals are not errors.
    mutating func submit(until deadline: UInt64?) throws(RingFailure)

    /// Copies completions out, oldest first, and gives their entries back.
    mutating func reap(into completions: UnsafeMutablePointer<Completion>, limit: Int) -> Int

    /// Registers the one region that `read` and `write` with `registered` memory name. Once per
    /// ring.
    mutating func register(region: UnsafeMutableRawBufferPointer) throws(RingFailure)

    /// Opens a listening TCP socket. Blocking, for start-up only.
    mutating func listen(
        on address: SocketAddress, backlog: Int32
    ) throws(RingFailure) -> (Descriptor, SocketAddress)

    /// Sets the options every data connection has: no delay, a limit on unacknowledged bytes' age,
    /// keep-alive.
    mutating func configure(_ socket: Descriptor)

    /// Whether `sendZeroCopy` may be asked for.
    var sendsZeroCopy: Bool { get }

    /// Ends this ring's waits from another thread, by making `wakeDescriptor` readable.
    var waker: RingWaker { get }

    /// Where the reactor keeps an eight-byte read, or `none` when this ring never sleeps.
    var wakeDescriptor: Descriptor { get }
}

/// Why a ring cannot be had or cannot go on, in a sentence that says what to do.
public struct RingFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let errno: Int32
    public let description: String

    public init(errno: Int32, _ description: String) {
        self.errno = errno
        self.description = description
    }
}
