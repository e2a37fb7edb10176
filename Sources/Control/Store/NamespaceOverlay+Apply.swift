import Wire

extension NamespaceOverlay {
    package func apply(_ mutations: [Mutation]) throws(StoreFailure) {
        let firstFresh = state[.block]
        for mutation in mutations { apply(mutation, firstFresh: firstFresh) }
        // Emptying it would cost its room.
        if !seen.isEmpty { seen = [:] }
        try requireSound()
    }

    private func apply(_ mutation: Mutation, firstFresh: UInt64) {
        switch mutation {
        case .putKey(let key, let record):
            if self.key(key) == nil { state.tally.keys += 1 }
            change(key, record)
        case .removeKey(let key):
            guard self.key(key) != nil else { return }
            state.tally.keys -= 1
            change(key, nil)
        case .putLease(let lease): put(lease)
        case .removeLease(let id): removeLease(id)
        case .putBlock(let record):
            let isFresh = record.block.number >= firstFresh
            let before = isFresh && openBlocks[record.block] == nil ? nil : block(record.block)
            change(record.block, from: before, to: record)
        case .removeBlock(let block):
            guard let before = self.block(block) else { return }
            change(block, from: before, to: nil)
        case .setCounter(let counter, let next): state[counter] = next
        case .putOutcome(let name, let sequence, let reply):
            keep(Pending.Outcome(name: name, sequence: sequence, reply: reply))
            open.outcomes.append(Pending.Outcome(name: name, sequence: sequence, reply: reply))
        case .removeOutcome(let sequence): change { $0.forget(sequence) }
        case .setSigningKeys(let keys):
            signingKeys = keys
            open.signing = keys
        case .setHistory(let history):
            self.history = history
            open.history = history
        }
    }

    private func change(_ key: Key, _ record: KeyRecord?) {
        open.put(key, record)
        recentKeys.drop(key)
    }

    // MARK: Leases

    private func put(_ lease: LeaseRecord) {
        var stored = lease
        stored.blocks = 0
        if let old = leases[lease.id] {
            var before = old
            before.blocks = 0
            if old.value != lease.value { open.put(nil, value: old.value) }
            if before != stored { open.put(stored, value: lease.value) }
        } else {
            open.put(stored, value: lease.value)
        }
        take(lease)
    }

    /// Into memory.
    func take(_ lease: LeaseRecord) {
        leases[lease.id] = lease
        writing[lease.key] = lease.id
        state.tally.leases = leases.count
    }

    private func removeLease(_ id: LeaseID) {
        guard let lease = leases.removeValue(forKey: id) else { return }
        if writing[lease.key] == id { writing[lease.key] = nil }
        open.put(nil, value: lease.value)
        state.tally.leases = leases.count
    }

    // MARK: Blocks

    private func change(_ block: BlockID, from before: BlockInfo?, to after: BlockInfo?) {
        if let before {
            count(before, by: -1)
            recentValues.drop(before.value)
            if before.state == .open { dropOpen(before) }
        }
        seen[block] = nil
        if let after {
            count(after, by: 1)
            recentValues.drop(after.value)
            if after.state == .open { takeOpen(after) }
            takeNodes(of: after)
        }
        open.put(block, after, before: before)
    }

    private func count(_ record: BlockInfo, by step: Int) {
        switch record.state {
        case .open: state.tally.blocks += step
        case .sealed:
            state.tally.blocks += step
            state.tally.sealedBlocks += step
        case .doomed: state.tally.doomedBlocks += step
        }
    }

    func takeOpen(_ record: BlockInfo) {
        openBlocks[record.block] = record
        openOf[record.value, default: []].insert(record.block)
    }

    private func dropOpen(_ record: BlockInfo) {
        openBlocks[record.block] = nil
        openOf[record.value]?.remove(record.block)
        if openOf[record.value]?.isEmpty == true { openOf[record.value] = nil }
    }

    /// Nodes that no record has named before.
    private func takeNodes(of record: BlockInfo) {
        var named = record.chain
        if case .doomed(_, let waiting) = record.state { named += waiting }
        for node in named where knownNodes.insert(node).inserted {
            nodeIDs.append(node)
            open.nodes.append(node)
        }
    }

    // MARK: Answers kept for retries

    func keep(_ outcome: Pending.Outcome) {
        change { $0.keep(outcome.reply, for: outcome.name, sequence: outcome.sequence) }
    }

    /// The store keeps the log from the oldest kept answer on.
    private func change(_ body: (inout KeptAnswers) -> Void) {
        body(&answers)
        state.tally.outcomes = answers.count
        state.outcomeFloor = (answers.oldest ?? state[.outcome]) - 1
    }
}
