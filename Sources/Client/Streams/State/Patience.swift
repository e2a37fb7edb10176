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
