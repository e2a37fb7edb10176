import Wire

// A value that goes takes its blocks with it, and may have a hundred thousand: no turn dooms more
// of them than `Bounds.droppedBlocks`, so that other requests do not wait for the whole.
extension Namenode {
    /// All blocks of a value that nothing names any more. Those that this turn does not doom
    /// follow with the next ticks, after a restart too: a lease that nobody holds stands for them.
    /// When the value's own lease ends, it ends before.
    mutating func drop(_ value: ValueID, _ turn: inout Turn<some NamespaceReader>) {
        let most = settings.bounds.droppedBlocks
        let blocks = turn.store.blocks(of: value, holding: 0, limit: most + 1)
        for block in blocks.prefix(most) { doom(block, &turn) }
        guard blocks.count > most else { return }
        let lease = LeaseRecord(dropping: value, id: LeaseID(using: &generator))
        turn.mutations.append(.putLease(lease))
        dropping.append(lease.id)
    }

    /// The next blocks of the value that goes longest.
    mutating func dropNext(_ turn: inout Turn<some NamespaceReader>) {
        guard let id = dropping.first else { return }
        guard let lease = turn.store.lease(id) else {
            dropping.removeFirst()
            return
        }
        let most = settings.bounds.droppedBlocks
        let blocks = turn.store.blocks(of: lease.value, holding: 0, limit: most)
        for block in blocks { doom(block, &turn) }
        guard blocks.count < most else { return }
        dropping.removeFirst()
        turn.mutations.append(.removeLease(id))
    }

    /// Takes a block out of the namespace. The nodes that reported it are told to delete it; the
    /// others of its chain when they report it, or when its last token has ended (`tick`).
    mutating func doom(_ record: BlockRecord, _ turn: inout Turn<some NamespaceReader>) {
        let copy = DoomedCopy(deletion: record.deletion, due: due(record, since: turn.now))
        for holder in replicas.forget(record.block) where holder.reported {
            nodes[holder.node]?.doomed[record.block] = copy
        }
        for id in unfitNodes where nodes[id]?.dropUnfit(record.block) == true {
            nodes[id]?.doomed[record.block] = copy
        }
        for id in record.chain where nodes[id]?.damaged.remove(record.block) != nil {
            nodes[id]?.doomed[record.block] = copy
        }
        for id in record.chain { nodes[id]?.unsure.remove(record.block) }
        var doomed = record
        doomed.state = .doomed(since: turn.now, waiting: record.chain)
        turn.mutations.append(.putBlock(doomed))
    }

    /// When the copies of a block may go that lost its key at `since`; `nil`: it never had one.
    func due(_ record: BlockRecord?, since: Int64) -> Int64 {
        let isOfKey = record.map { $0.length > 0 } ?? false
        let lastOpen = record.flatMap { opened.lastOpen(of: $0.value) }
        return DeletionRules.due(
            since: since, lastOpen: isOfKey ? lastOpen : nil, graceMs: settings.deleteGraceMs,
            tokenMs: settings.honouredTokenMs)
    }
}
