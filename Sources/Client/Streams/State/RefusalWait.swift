import ControlClient

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
