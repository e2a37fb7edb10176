import Wire

/// How long one start of the namenode has been heard without a break, as a reactor reckons it:
/// while it is fenced, or stands still, no writer can show that it is alive, and that is no silence
/// of the writer's.
struct NamenodeContact {
    private(set) var incarnation: NamespaceIncarnation?
    private var since: UInt64 = 0
    private var last: UInt64 = 0

    /// A heartbeat's answer named the start that gave it.
    /// - Parameter gap: nanoseconds between two answers that are a break.
    mutating func heard(_ incarnation: NamespaceIncarnation, now: UInt64, gap: UInt64) {
        if self.incarnation != incarnation || now - last > gap { since = now }
        self.incarnation = incarnation
        last = now
    }

    /// The node is fenced.
    mutating func lost() { incarnation = nil }

    /// Nanoseconds for which somebody who went at `left` could have come back and did not.
    func silence(since left: UInt64, now: UInt64) -> UInt64 {
        guard incarnation != nil else { return 0 }
        return now - max(left, since)
    }
}
