import Wire

extension Namenode {
    /// Takes up what an earlier process left: its signing keys, and every lease with its full time
    /// anew.
    package mutating func resume(at moment: Moment, from store: some NamespaceReader) -> Decision {
        var decision = Decision()
        let saved = store.signingKeys
        if let saved { keys.resume(saved, now: moment.now, using: &generator) }
        if saved != nil { opened.forget(before: moment.now) }
        if saved != keys.saved { decision.mutations.append(.setSigningKeys(keys.saved)) }
        history = store.history
        history.begin(firstCommit: store.firstCommit, using: &generator)
        decision.mutations.append(.setHistory(history))
        if let behind = history.behind {
            decision.notices.append(Notice(.error, behind.description))
        }
        let leases = store.leaseIDs
        for id in leases {
            guard let lease = store.lease(id) else { continue }
            guard !lease.isDropping else {
                dropping.append(id)
                continue
            }
            leaseClocks.set(id, to: moment.now + settings.leaseMs)
            // What a part of CLOSE has listed is not open any more.
            let open = store.openBlocks(of: lease.value).count
            leaseHolders.take(id, client: lease.client, address: nil, blocks: open)
        }
        decision.mutations += Retries.trim(store.answers, bounds: settings.bounds)
        let tally = store.tally
        decision.notices.append(
            Notice(
                .info, "namespace opened",
                [
                    "keys": "\(tally.keys)", "blocks": "\(tally.blocks)",
                    "incarnation": "\(history.current)", "leases": "\(leases.count)",
                    "to_delete": "\(tally.doomedBlocks)",
                ]))
        return decision
    }

    /// What time alone brings about: to be called a few times a second. Each call does a bounded
    /// amount; what is left follows with the next.
    package mutating func tick(at moment: Moment, in store: some NamespaceReader) -> Decision {
        var turn = Turn(
            store: store, caller: Caller(role: .unspecified), client: .none, moment: moment)
        if keys.rotate(now: moment.now, using: &generator) {
            turn.mutations.append(.setSigningKeys(keys.saved))
            turn.note(Notice(.info, "signing keys rotated", ["current": "\(keys.current.id)"]))
        }
        dropNext(&turn)
        findDead(&turn)
        compareMap(&turn)
        // Whether K nodes were live at one time does not depend on a client asking just then.
        _ = liveNodes(now: moment.now)
        replicas.sweep(settings.bounds.drainedReplicas)
        sweepDoomed(in: store)
        var decision = Decision()
        decision.mutations = turn.mutations
        decision.notices = turn.notices
        return decision
    }

    /// Ends leases whose time is over and drops their open values. Comes before every request, so
    /// that no operation meets a lease that has ended.
    package mutating func endLeases(at moment: Moment, in store: some NamespaceReader) -> Decision?
    {
        let stall = forgiveStall(now: moment.now)
        guard stall != nil || leaseClocks.firstEnded(at: moment.now) != nil else { return nil }
        var turn = Turn(
            store: store, caller: Caller(role: .unspecified), client: .none, moment: moment)
        if let stall {
            turn.note(
                Notice(.warning, "the namenode did not run for a while", ["ms": "\(stall)"]))
        }
        for _ in 0..<settings.bounds.sweptLeases {
            guard turn.mutations.count < settings.bounds.droppedBlocks,
                let id = leaseClocks.firstEnded(at: moment.now)
            else { break }
            guard let lease = store.lease(id) else {
                leaseClocks.remove(id)
                continue
            }
            let holder = leaseHolders.holder(of: id)
            end(id, &turn)
            drop(lease.value, of: holder, &turn)
            counters.leasesExpired &+= 1
            turn.note(
                Notice(.info, "lease expired", ["lease": "\(id)", "key": "\(lease.key)"]))
        }
        var decision = Decision()
        decision.mutations = turn.mutations
        decision.notices = turn.notices
        return decision
    }

    /// Ticks come many times a second. When none came for longer than this, the namenode itself
    /// stood still.
    package static let stallMs: Int64 = 1_000

    /// A namenode that was stopped or starved could not hear anybody: that time is nobody's silence
    /// and comes off no lease. Answers how long it was.
    private mutating func forgiveStall(now: Int64) -> Int64? {
        let gap = now - lastTurn
        lastTurn = now
        guard gap > Self.stallMs else { return nil }
        leaseClocks.extendAll(by: gap)
        awaitedUntil += gap
        for id in nodes.keys {
            nodes[id]?.lastContact += gap
            nodes[id]?.rival?.since += gap
        }
        census.invalidate()
        return gap
    }

    /// Lines of the location map that a warning names.
    private static let namedLines = 20

    /// Once, when every node has had the time to register: a node that the map should have placed
    /// and does not stands nowhere, and chains are made without knowing its rack.
    private mutating func compareMap(_ turn: inout Turn<some NamespaceReader>) {
        guard !wasMapCompared, turn.now - started >= settings.deadMs else { return }
        wasMapCompared = true
        for (line, name) in locations.idle(among: nodes.values).prefix(Self.namedLines) {
            turn.note(
                Notice(
                    .warning, "a line of the location map names no datanode that registered",
                    ["line": "\(line)", "names": name]))
        }
    }

    private mutating func findDead(_ turn: inout Turn<some NamespaceReader>) {
        for node in nodes.values where !node.isDead && liveness(of: node, now: turn.now) == .dead {
            nodes[node.id]?.isDead = true
            retire(node.id)
            census.invalidate()
            turn.note(Notice(.warning, "datanode dead", ["node": "\(node.id)", "host": node.host]))
        }
    }

    /// What a node held is to be forgotten, unless it names it again.
    mutating func retire(_ id: NodeID) {
        replicas.retire(id)
        nodes[id]?.doomed = OrderedMap()
        nodes[id]?.corrupt = []
        nodes[id]?.stale = []
        nodes[id]?.unsure = []
        nodes[id]?.damaged = []
        unfitNodes.remove(id)
    }

    /// Has the nodes delete what they did not say they have: a copy that was lost to its node when
    /// its key went may lie there all the same. Asked once the block's last token has ended, so
    /// that a node whose answer is GONE can get it no more; and few at a time, so that what was
    /// deleted just now does not wait behind them.
    private mutating func sweepDoomed(in store: some NamespaceReader) {
        let records = store.doomed(after: doomedCursor, limit: settings.bounds.sweptBlocks)
        doomedCursor =
            records.count < settings.bounds.sweptBlocks
            ? BlockID(0) : records.last?.block ?? BlockID(0)
        let settled = settings.honouredTokenMs + settings.deadMs
        for record in records {
            guard case .doomed(let since, let waiting) = record.state else { continue }
            for id in waiting where isToBeAsked(id, record.block, since: since + settled) {
                nodes[id]?.doomed[record.block] = DoomedCopy(
                    deletion: record.deletion, due: since + settled)
            }
        }
    }

    private func isToBeAsked(_ id: NodeID, _ block: BlockID, since: Int64) -> Bool {
        guard let node = nodes[id], !node.isDead, node.reportComplete,
            node.lastContact >= since, node.doomed.count < settings.bounds.commandsPerHeartbeat
        else { return false }
        return node.doomed[block] == nil
    }
}
