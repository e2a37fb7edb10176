import Wire

/// When leases end, by the namenode's monotonic clock alone. Soft: a restart gives every lease its full time.
package struct LeaseClocks: Sendable {
    private struct Deadline: Hashable, Comparable, Sendable {
        let at: Int64
        let lease: LeaseID

        static func < (left: Self, right: Self) -> Bool {
            (left.at, left.lease.high, left.lease.low)
                < (right.at, right.lease.high, right.lease.low)
        }
    }

    private var deadlines: [LeaseID: Int64] = [:]
    private var order = OrderedMap<Deadline, Void>()

    package init() {}

    package func deadline(_ lease: LeaseID) -> Int64? { deadlines[lease] }

    package mutating func set(_ lease: LeaseID, to deadline: Int64) {
        remove(lease)
        deadlines[lease] = deadline
        order[Deadline(at: deadline, lease: lease)] = ()
    }

    package mutating func remove(_ lease: LeaseID) {
        guard let old = deadlines.removeValue(forKey: lease) else { return }
        order[Deadline(at: old, lease: lease)] = nil
    }

    /// The lease that ends first, when it has ended.
    package func firstEnded(at now: Int64) -> LeaseID? {
        guard let first = order.first?.key, LeaseRules.hasEnded(deadline: first.at, now: now)
        else { return nil }
        return first.lease
    }
}
