import Glibc

/// A point on this machine's monotonic clock by which something must be done: a wall clock may be
/// set back in the middle of a wait.
public struct Deadline: Sendable, Equatable {
    /// Milliseconds on the monotonic clock.
    public let at: Int64
    /// The milliseconds it was made with, for messages.
    public let duration: Int64

    /// `milliseconds` from now.
    public init(after milliseconds: Int64) {
        duration = max(0, milliseconds)
        at = MonotonicClock.milliseconds &+ duration
    }

    /// Milliseconds that are left, 0 when none are.
    public var remaining: Int64 { max(0, at - MonotonicClock.milliseconds) }

    public var passed: Bool { remaining == 0 }

    /// Sleeps, however often a signal interrupts.
    package static func sleep(milliseconds: Int64) {
        let end = Deadline(after: milliseconds)
        while !end.passed {
            var rest = timespec(
                tv_sec: Int(end.remaining / 1_000), tv_nsec: Int(end.remaining % 1_000) * 1_000_000)
            nanosleep(&rest, nil)
        }
    }
}
