import Wire

extension Namenode {
    /// RENAME: the value moves to another key, atomically; costs nothing per block.
    mutating func rename(
        _ request: ControlRename, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        let from = try Self.key(request.from)
        let to = try Self.key(request.to)
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        guard let record = turn.store.key(from) else {
            throw Refusal(.notFound, "\(from) does not exist")
        }
        if from == to { return ControlEmpty() }
        let old = turn.store.key(to)
        guard old == nil || request.overwrite else { throw Refusal(.exists, "\(to) exists") }
        // Whoever writes that key was told at CREATE what it would replace.
        guard turn.store.lease(writing: to) == nil else {
            throw Refusal(.leased, "a client is writing \(to)")
        }
        if let old { drop(old.value, &turn) }
        turn.mutations += [.removeKey(from), .putKey(to, record)]
        return ControlEmpty()
    }
}
