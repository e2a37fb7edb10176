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
}
