import Wire

extension Namenode {
    /// RENEW: the lease's full time from now.
    mutating func renew(
        _ request: ControlRenew, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlLease {
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        let lease = try lease(request.leaseID, turn)
        leaseHolders.seen(lease.id, from: turn.caller.address)
        return extend(lease.id, now: turn.now)
    }
}
