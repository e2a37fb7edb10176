import Wire

extension Namenode {
    /// DELETE: the key is gone at once, its blocks when their nodes hear of it. A value that is
    /// being written under this key is not touched.
    mutating func delete(
        _ request: ControlDelete, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        let key = try Self.key(request.key)
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        guard let record = turn.store.key(key) else {
            throw Refusal(.notFound, "\(key) does not exist")
        }
        drop(record.value, &turn)
        turn.mutations.append(.removeKey(key))
        return ControlEmpty()
    }

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
