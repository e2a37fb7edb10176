import Wire

extension Namenode {
    /// FSCK: how well the values under a prefix are kept, a page at a time: so many keys and blocks
    /// that other requests wait a few milliseconds for it. A value with more blocks than a page
    /// goes on in the next.
    mutating func fsck(
        _ request: ControlFsck, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlFsckReply {
        for text in [request.prefix, request.startAfter]
        where text.utf8.count > Limits.keyBytes.upperBound {
            throw Refusal(.badKey, "no key is as long as this prefix or start")
        }
        var page = FsckPage(settings.bounds, request)
        let silent = silentNodes(in: turn.store, now: turn.now)
        page.reply.dead = UInt32(clamping: silent.dead)
        page.reply.reportsIncomplete = UInt32(clamping: silent.incomplete)
        if request.startOffset > 0, let key = Key(request.startAfter),
            let record = turn.store.key(key)
        {
            check(key, record, from: request.startOffset, &page, turn)
        }
        var walk = ListWalk(
            prefix: Array(request.prefix.utf8), startAfter: Array(request.startAfter.utf8),
            delimiter: [])
        while !page.isFull, let start = walk.next {
            let keys = turn.store.keys(from: start, limit: Self.fsckKeys)
            for (key, record) in keys where walk.take(key) != nil {
                guard !page.isFull else { break }
                check(key, record, from: 0, &page, turn)
            }
            if keys.count < Self.fsckKeys { walk.end() }
            if page.isFull, !page.reply.more { page.goOn(after: page.reply.keys.last?.key ?? "") }
        }
        return page.reply
    }

    /// Keys read from the store at a time.
    private static var fsckKeys: Int { 128 }

    /// Looks at a value's blocks from a position on, as far as the page has room.
    private func check(
        _ key: Key, _ record: KeyRecord, from start: UInt64, _ page: inout FsckPage,
        _ turn: borrowing Turn<some NamespaceReader>
    ) {
        var entry = ControlFsckKey()
        entry.key = key.description
        entry.length = record.length
        var position = start
        while position < record.length {
            guard !page.isFull else {
                page.add(entry)
                return page.goOn(after: entry.key, at: position)
            }
            let blocks = turn.store.blocks(
                of: record.value, holding: position, limit: min(Self.page, page.blocksLeft))
            guard let last = blocks.last else { break }
            for block in blocks { count(block, in: &entry, &page, now: turn.now) }
            position = last.position + last.length
        }
        page.add(entry)
    }

    private func count(
        _ block: BlockInfo, in entry: inout ControlFsckKey, _ page: inout FsckPage, now: Int64
    ) {
        let copies = copies(of: block, now: now)
        let health = BlockHealth(
            wanted: block.chain.count, live: copies.count { $0.state == .live },
            corrupt: copies.count { $0.state == .corrupt },
            awaited: copies.count { $0.state == .unreported })
        entry.blocks += 1
        entry.wantedReplicas += UInt32(health.wanted)
        entry.liveReplicas += UInt32(health.live)
        entry.corruptReplicas += UInt32(health.corrupt)
        let stale = UInt32(copies.count { $0.state == .stale })
        entry.staleReplicas += stale
        switch health.verdict {
        case .healthy: break
        case .underReplicated: entry.underReplicated += 1
        case .awaited: entry.awaited += 1
        case .corrupt: entry.corrupt += 1
        case .missing: entry.missing += 1
        }
        page.countBlock()
        guard page.showsBlocks else { return }
        var message = ControlFsckBlock()
        message.block = block.block.number
        message.epoch = block.epoch.number
        message.offset = block.position
        message.length = block.length
        message.wanted = UInt32(health.wanted)
        message.live = UInt32(health.live)
        message.corrupt = UInt32(health.corrupt)
        message.stale = stale
        if page.showsLocations { message.replicas = copies }
        page.take(message, in: &entry)
    }

    /// Every copy that is known or was to be: of the nodes of its chain, and of others that hold
    /// one.
    private func copies(of block: BlockInfo, now: Int64) -> [ControlFsckReplica] {
        let holders = replicas.holders(of: block.block).filter(\.sealed).map(\.node)
        let others = holders.filter { !block.chain.contains($0) }
        return (block.chain + others).map { id in
            var copy = ControlFsckReplica()
            copy.node = message(for: id)
            copy.state = state(of: block.block, on: id, isHeld: holders.contains(id), now: now)
            return copy
        }
    }

    private func state(
        of block: BlockID, on id: NodeID, isHeld: Bool, now: Int64
    ) -> ControlFsckReplica.State {
        guard let node = nodes[id] else { return isAwaiting(now: now) ? .unreported : .dead }
        guard !node.isDead else { return .dead }
        if isHeld { return .live }
        if node.corrupt.contains(block) { return .corrupt }
        if node.stale.contains(block) { return .stale }
        return node.reportComplete ? .missing : .unreported
    }
}

/// One answer of FSCK while it fills.
struct FsckPage {
    var reply = ControlFsckReply()
    let showsBlocks: Bool
    let showsLocations: Bool
    private(set) var blocksLeft: Int
    private var keysLeft: Int
    private var room: Int

    init(_ bounds: Bounds, _ request: ControlFsck) {
        showsBlocks = request.blocks || request.locations
        showsLocations = request.locations
        blocksLeft = bounds.fsckBlocks
        keysLeft = bounds.fsckKeys
        room = bounds.replyListBytes
    }

    /// What the largest key, block or list of copies takes: room is asked for before it is used.
    private static let slack = 16 << 10

    var isFull: Bool { reply.more || blocksLeft <= 0 || keysLeft <= 0 || room < Self.slack }

    mutating func countBlock() { blocksLeft -= 1 }

    mutating func take(_ block: ControlFsckBlock, in key: inout ControlFsckKey) {
        room -= block.replicas.reduce(64) { sum, copy in
            sum + 64 + copy.node.host.utf8.count + copy.node.location.utf8.count
        }
        key.detail.append(block)
    }

    mutating func add(_ key: ControlFsckKey) {
        room -= key.key.utf8.count + 80
        keysLeft -= 1
        reply.keys.append(key)
    }

    mutating func goOn(after key: String, at offset: UInt64 = 0) {
        reply.more = true
        reply.next = key
        reply.nextOffset = offset
    }
}
