import System
import Wire

/// When leases end, by the namenode's monotonic clock alone. Soft: a restart gives every lease its
/// full time.
package struct LeaseClocks: Sendable {
    private struct Deadline: Hashable, Comparable, Sendable {
        let at: Int64
        let lease: LeaseID

        static func < (left: Self, right: Self) -> Bool {
            (left.at, left.lease.high, left.lease.low)
                < (right.at, right.lease.high, right.lease.low)
        }
    }

    /// As they were set, less the credit given until then.
    private var deadlines: [LeaseID: Int64] = [:]
    private var order = OrderedMap<Deadline, Void>()
    /// Time that no lease is charged for.
    private var credit: Int64 = 0

    package init() {}

    package func deadline(_ lease: LeaseID) -> Int64? { deadlines[lease].map { $0 + credit } }

    /// Gives every lease more time.
    package mutating func extendAll(by milliseconds: Int64) { credit += milliseconds }

    package mutating func set(_ lease: LeaseID, to deadline: Int64) {
        remove(lease)
        deadlines[lease] = deadline - credit
        order[Deadline(at: deadline - credit, lease: lease)] = ()
    }

    package mutating func remove(_ lease: LeaseID) {
        guard let old = deadlines.removeValue(forKey: lease) else { return }
        order[Deadline(at: old, lease: lease)] = nil
    }

    /// The lease that ends first, when it has ended.
    package func firstEnded(at now: Int64) -> LeaseID? {
        guard let first = order.first?.key,
            LeaseRules.hasEnded(deadline: first.at + credit, now: now)
        else { return nil }
        return first.lease
    }
}
