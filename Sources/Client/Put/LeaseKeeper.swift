import Reactor

/// Keeps a lease alive while its value is written: renewed when a third of its time has passed.
struct LeaseKeeper {
    private(set) var lease: Lease
    /// On the monotonic clock, nanoseconds: when to renew next.
    private(set) var renewAt: UInt64
    private let namespace: NamespaceClient

    init(_ lease: Lease, _ namespace: NamespaceClient) {
        self.lease = lease
        self.namespace = namespace
        renewAt = MonotonicClock.nanoseconds + Self.third(of: lease)
    }

    /// Renews when it is time. The call blocks, for seconds at most: streams go on when it returns.
    ///
    /// A namenode that does not answer is asked again later; only its own word ends the lease.
    mutating func renewIfDue() throws(ClientError) {
        let now = MonotonicClock.nanoseconds
        guard now >= renewAt else { return }
        do throws(ClientError) {
            lease = try namespace.renew(lease)
            renewAt = MonotonicClock.nanoseconds + Self.third(of: lease)
        } catch {
            guard error.isPassing else { throw error }
            renewAt = MonotonicClock.nanoseconds + Self.third(of: lease) / 3
        }
    }

    private static func third(of lease: Lease) -> UInt64 {
        min(lease.milliseconds, 1 << 32) * 1_000_000 / 3
    }
}

extension ClientError {
    /// The namenode said nothing, or that it cannot say now.
    var isPassing: Bool {
        switch self {
        case .unreachable, .timedOut, .busy, .tooFewNodes, .malformed: true
        default: false
        }
    }
}
