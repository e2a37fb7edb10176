import Wire

/// Whether a call that brought no result is made again, and when, as a pure state for one call.
///
/// What time can mend is waited for; what the caller would hear again is told at once.
package struct CallRetry {
    private var pause: Int64
    private let longest: Int64
    /// The last refusal that was waited for.
    private var refusal: ControlFailure?
    /// Milliseconds; a try that had less was cut short by the call's end, and says nothing of the
    /// namenode.
    static let shortTry: Int64 = 1_000

    /// - Parameters:
    ///   - pause: after the first failure, milliseconds; it doubles with each.
    ///   - longest: beyond which it does not grow.
    package init(pause: Int64, longest: Int64) {
        self.pause = pause
        self.longest = longest
    }

    /// - Parameter wasAnswered: something that is a namenode has answered there before.
    /// - Returns: milliseconds until the next try; `nil`: the failure is to be told.
    package mutating func pause(
        after failure: ControlFailure, wasAnswered: Bool
    ) -> Int64? {
        guard failure.canPass(wasAnswered: wasAnswered) else { return nil }
        if case .refused = failure { refusal = failure }
        defer { pause = min(pause * 2, longest) }
        return pause
    }

    /// What the caller is told when the call ends with `failure`.
    package func told(_ failure: ControlFailure) -> ControlFailure {
        guard let refusal, case .timedOut(_, let milliseconds) = failure,
            milliseconds < Self.shortTry
        else { return failure }
        return refusal
    }
}

extension ControlFailure {
    /// Whether the same call may do better a moment later.
    package func canPass(wasAnswered: Bool) -> Bool {
        switch self {
        case .unreachable, .timedOut: true
        // A mistake in the address, unless a namenode was found there before.
        case .unknownHost, .malformed: wasAnswered
        case .refused(let refusal): refusal.code.canPass
        case .wrongCluster, .wrongVersion: false
        }
    }

    /// Whether the connection can carry the next try.
    var keepsConnection: Bool {
        switch self {
        case .refused: true
        default: false
        }
    }
}

extension ControlCode {
    /// Whether a namenode that refuses with it may accept the same request a moment later: a bound
    /// is reached, its datanodes are not back yet, a copy is not durable yet.
    package var canPass: Bool {
        switch self {
        case .busy, .tooFewNodes, .notDurable: true
        default: false
        }
    }
}
