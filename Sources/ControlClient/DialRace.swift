/// When which address of a name is dialled, as a pure state: the next one begins when the one
/// before has had `head` of time without an answer, or has failed, and the first that answers wins
/// (RFC 8305). So an address that drops packets costs a quarter of a second, not a deadline.
struct DialRace {
    /// The head start of each, milliseconds.
    static let head: Int64 = 250

    private let count: Int
    private var begun = 0
    private var failed = 0
    private var nextAt = Int64.min

    init(_ count: Int) { self.count = count }

    /// - Parameter now: milliseconds.
    /// - Returns: the place of an address that is to be dialled now; `nil`: none.
    mutating func next(at now: Int64) -> Int? {
        guard begun < count, begun == failed || now >= nextAt else { return nil }
        nextAt = now + Self.head
        begun += 1
        return begun - 1
    }

    /// When the next one is to be dialled; `nil`: all were.
    var wakeAt: Int64? { begun < count ? nextAt : nil }

    mutating func oneFailed() { failed += 1 }

    var isLost: Bool { failed == count }
}
