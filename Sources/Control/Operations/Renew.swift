import Wire

extension Namenode {
    /// RENEW: the lease's full time from now. The clock runs while the namenode waits for
    /// datanodes, so it renews then too.
    mutating func renew(
        _ request: ControlRenew, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlLease {
        let lease = try lease(request.leaseID, turn)
        leaseHolders.seen(lease.id, from: turn.caller.address)
        return extend(lease.id, now: turn.now)
    }
}
