import Wire

// A value that goes takes its blocks with it, and may have a hundred thousand: no turn dooms more
// of them than `Bounds.droppedBlocks`, so that other requests do not wait for the whole. CLOSE
// alone dooms at once what it leaves out: a value has no block that its writer did not list.
extension Namenode {
    /// All blocks of a value that nothing names any more. Those that this turn does not doom
    /// follow with the next ticks, after a restart too: a lease that nobody holds stands for them.
    /// When the value's own lease ends, it ends before.
    /// - Parameter holder: of that lease: what is left counts as his until it is gone.
    mutating func drop(
        _ value: ValueID, of holder: LeaseHolders.Holder? = nil,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        let bounds = settings.bounds
        let most = dropping.count < bounds.droppedValues ? bounds.droppedBlocks : .max - 1
        let blocks = turn.store.blocks(of: value, holding: 0, limit: most + 1)
        for block in blocks.prefix(most) { doom(block, &turn) }
        guard blocks.count > most else { return }
        let lease = LeaseRecord(dropping: value, id: LeaseID(using: &generator))
        turn.mutations.append(.putLease(lease))
        dropping.append(lease.id)
        guard let holder else { return }
        let open = blocks.prefix(most).count { $0.state == .open }
        leaseHolders.take(
            lease.id, client: holder.client, address: holder.address,
            blocks: max(0, holder.blocks - open), leases: 0)
    }

    /// The next blocks of the values that go longest.
    mutating func dropNext(_ turn: inout Turn<some NamespaceReader>) {
        var room = settings.bounds.droppedBlocks
        while room > 0, let id = dropping.first {
            guard let lease = turn.store.lease(id) else {
                leaseHolders.release(id)
                dropping.removeFirst()
                continue
            }
            let blocks = turn.store.blocks(of: lease.value, holding: 0, limit: room)
            for block in blocks { doom(block, &turn) }
            leaseHolders.plan(id, blocks: -blocks.count { $0.state == .open })
            guard blocks.count < room else { return }
            // An empty rest costs a turn something too.
            room -= max(1, blocks.count)
            dropping.removeFirst()
            leaseHolders.release(id)
            turn.mutations.append(.removeLease(id))
        }
    }

    /// Takes a block out of the namespace. The nodes that reported it are told to delete it; the
    /// others of its chain when they report it, or when its last token has ended (`tick`).
    mutating func doom(_ record: BlockInfo, _ turn: inout Turn<some NamespaceReader>) {
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
    func due(_ record: BlockInfo?, since: Int64) -> Int64 {
        let isOfKey = record.map { $0.length > 0 } ?? false
        let lastOpen = record.flatMap { opened.lastOpen(of: $0.value) }
        return DeletionRules.due(
            since: since, lastOpen: isOfKey ? lastOpen : nil, graceMs: settings.deleteGraceMs,
            tokenMs: settings.honouredTokenMs)
    }
}

/// When the copies of a block that is of no key any more may be deleted.
package enum DeletionRules {
    /// - Parameters:
    ///   - since: when the block lost its key.
    ///   - lastOpen: when the last token to read it may have been given, as far as is remembered;
    ///     none is given after `since`. `nil`: none was.
    ///   - tokenMs: for how long nodes honour a token.
    package static func due(
        since: Int64, lastOpen: Int64?, graceMs: Int64, tokenMs: Int64
    ) -> Int64 {
        max(since + graceMs, lastOpen.map { min($0, since) + tokenMs } ?? since)
    }
}
