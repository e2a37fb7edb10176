import Wire

extension Namenode {
    /// ABANDON: drops the open value; what the key named before stays.
    mutating func abandon(
        _ request: ControlAbandon, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        let lease = try lease(request.leaseID, turn)
        doom(lease.value, &turn)
        end(lease.id, &turn)
        return ControlEmpty()
    }
}
