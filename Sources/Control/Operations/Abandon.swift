import Wire

extension Namenode {
    /// ABANDON: drops the open value; what the key named before stays. Needs no datanodes, as a
    /// lease's end by itself needs none.
    mutating func abandon(
        _ request: ControlAbandon, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        let lease = try lease(request.leaseID, turn)
        let holder = leaseHolders.holder(of: lease.id)
        end(lease.id, &turn)
        drop(lease.value, of: holder, &turn)
        return ControlEmpty()
    }
}
