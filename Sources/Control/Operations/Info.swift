import Wire

extension Namenode {
    /// INFO: a key's size, blocks and chains, and how far somebody has come who is writing it.
    mutating func info(
        _ request: ControlInfo, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlKeyInfo {
        let key = try Self.key(request.key)
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        let record = turn.store.key(key)
        let lease = turn.store.lease(writing: key)
        guard record != nil || lease != nil else {
            throw Refusal(.notFound, "\(key) does not exist")
        }
        var reply = ControlKeyInfo()
        reply.key = request.key
        if let record {
            reply.exists = true
            reply.length = record.length
            reply.createdUnixMs = record.createdUnixMs
            reply.blocks = blocks(of: record, turn)
        }
        if let lease, let deadline = leaseClocks.deadline(lease.id) {
            reply.open = true
            reply.openBlocks = UInt32(clamping: lease.blocks)
            reply.openLength = openLength(of: lease, turn)
            reply.leaseRemainingMs = UInt64(clamping: max(0, deadline - turn.now))
        }
        return reply
    }

    /// With their chains, as many as a control message holds.
    private func blocks(
        of record: KeyRecord, _ turn: borrowing Turn<some NamespaceReader>
    ) -> [ControlBlockLocation] {
        var found: [ControlBlockLocation] = []
        var room = settings.bounds.replyListBytes
        var position: UInt64 = 0
        while position < record.length, room > 0 {
            let page = turn.store.blocks(of: record.value, holding: position, limit: Self.page)
            guard let last = page.last else { break }
            for block in page where room > 0 {
                var message = location(of: block)
                message.replicas = block.chain.map { self.message(for: $0) }
                room -= Self.roomNeeded(message)
                if room > 0 { found.append(message) }
            }
            position = last.position + last.length
        }
        return found
    }

    /// The open value's contiguous length: all that its writer has listed already; then for each
    /// block the least that a node of its chain has reported, up to the first one that is not
    /// sealed on all of them: the writer may be in the next one already.
    private mutating func openLength(
        of lease: LeaseRecord, _ turn: borrowing Turn<some NamespaceReader>
    ) -> UInt64 {
        var total = listed(by: lease, turn).length
        for block in turn.store.openBlocks(of: lease.value) {
            let holders = replicas.holders(of: block.block)
            let chain = block.chain.map { id in holders.first { $0.node == id } }
            total += chain.map { $0?.length ?? 0 }.min() ?? 0
            guard chain.allSatisfy({ $0?.sealed ?? false }) else { break }
        }
        return total
    }
}
