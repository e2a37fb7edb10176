import Client
import Reactor
import Testing

/// Ends a test that waits for what never comes: each turn waits a second at most, and this many in
/// which nothing happens are one too many.
struct Patience {
    private static let most = 20
    private var idle = 0

    /// `false`: give up.
    mutating func turn(_ engine: inout StreamEngine<KernelRing>, span: UInt64 = 1_000_000_000)
        -> Bool
    {
        let handled = engine.turn(waitUntil: engine.now + span)
        idle = handled > 0 ? 0 : idle + 1
        guard idle < Self.most else {
            Issue.record("nothing happens any more")
            return false
        }
        return true
    }
}
