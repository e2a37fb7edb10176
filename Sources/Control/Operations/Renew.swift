import Wire

extension Namenode {
    /// RENEW: the lease's full time from now.
    mutating func renew(
        _ request: ControlRenew, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlLease {
        try requireNodes(forNewBytes: false, now: turn.now)
        let lease = try lease(request.leaseID, turn)
        return extend(lease.id, now: turn.now)
    }
}
