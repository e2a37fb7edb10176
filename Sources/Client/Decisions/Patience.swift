import ControlClient

/// How long something goes on without progress, as a pure state: from the first failure after the
/// last progress, the silence before that failure included. Progress is what was never reached
/// before: a failure that comes back each time the same bytes have been moved comes to an end.
package struct Patience: Sendable, Equatable {
    /// As `--timeout` says when nobody does.
    package static let usual: UInt64 = 20_000_000_000

    /// Nanoseconds.
    private let span: UInt64
    private var since: UInt64?

    package init(_ span: UInt64 = usual) { self.span = span }

    package mutating func progressed() { since = nil }

    /// Something failed at `now`, after a silence of so many nanoseconds.
    /// - Returns: whether it is to be given up.
    package mutating func isOver(at now: UInt64, after silence: UInt64 = 0) -> Bool {
        let start = since ?? now - min(now, silence)
        since = start
        return now - start >= span
    }
}

/// Whether a call to the namenode that was refused is made again, and when, as a pure state for one
/// call of a put or a get: for what `CallRetry` waits for, and as long as the whole call may take.
/// A lost connection is not its matter: who carries the call makes it again under its number.
package struct RefusalWait {
    /// A person is told what is waited for after this, nanoseconds.
    private static let untold: UInt64 = 1_000_000_000
    /// After the first refusal, and the longest, milliseconds.
    private static let pauses: (Int64, Int64) = (50, 1_000)

    private let began: UInt64
    private let end: UInt64
    private var again: CallRetry
    private var isTold = false

    package init(at now: UInt64, for span: UInt64) {
        began = now
        end = now + span
        again = CallRetry(pause: Self.pauses.0, longest: Self.pauses.1)
    }

    /// Nanoseconds that the call still has.
    func rest(at now: UInt64) -> UInt64 { end - min(end, now) }

    /// - Returns: nanoseconds until it is made again; `nil`: the failure is to be told.
    package mutating func pause(after failure: ControlFailure, at now: UInt64) -> UInt64? {
        guard case .refused = failure,
            let pause = again.pause(after: failure, wasAnswered: true)
        else { return nil }
        let span = UInt64(pause) * 1_000_000
        return now + span < end ? span : nil
    }

    /// Whether now is the time to say what is waited for: once.
    mutating func isToBeTold(at now: UInt64) -> Bool {
        guard !isTold, now >= began + Self.untold else { return false }
        isTold = true
        return true
    }
}
