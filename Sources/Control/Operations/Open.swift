import Foundation
import Wire

extension Namenode {
    /// OPEN: the blocks of a range, where they are, and the tokens to read them with.
    ///
    /// A reply holds as many blocks as a control message can: a caller whose range reaches further
    /// asks again from the end of the last block.
    mutating func open(
        _ request: ControlOpen, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlOpenReply {
        let key = try Self.key(request.key)
        let reader = try Self.location(request.location)
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        guard let record = turn.store.key(key) else {
            throw Refusal(.notFound, "\(key) does not exist")
        }
        var reply = ControlOpenReply()
        reply.key = request.key
        reply.length = record.length
        reply.value = record.value.number
        guard request.offset < record.length else { return reply }
        let rest = record.length - request.offset
        let end = request.offset + (request.length == 0 ? rest : min(request.length, rest))
        var room = settings.bounds.replyListBytes
        var position = request.offset
        while position < end, room > 0 {
            let page = turn.store.blocks(of: record.value, holding: position, limit: Self.page)
            guard let last = page.last else { break }
            for block in page where block.position < end && room > 0 {
                let message = readable(block, reader: reader, now: turn.now)
                room -= Self.roomNeeded(message)
                if room > 0 { reply.blocks.append(message) }
            }
            position = last.position + last.length
        }
        if !reply.blocks.isEmpty { opened.open(record.value, at: turn.now) }
        return reply
    }

    /// Blocks read from the store at a time.
    static var page: Int { 64 }

    /// What a block takes in a reply, at most: numbers, token and key, and each node's id, address
    /// and place.
    static func roomNeeded(_ message: ControlBlockLocation) -> Int {
        message.replicas.reduce(320) { sum, node in
            sum + 64 + node.host.utf8.count + node.location.utf8.count
        }
    }

    private mutating func readable(
        _ block: BlockInfo, reader: Location?, now: Int64
    ) -> ControlBlockLocation {
        var message = location(of: block)
        message.reportsIncomplete = isIncomplete(block)
        let order = ReplicaOrder.order(
            candidates(for: block, now: now), reader: reader, using: &generator)
        let chosen = order.prefix(Limits.chainNodes.upperBound)
        guard let chain = prepared(Array(chosen)) else {
            // No node that may hold it is known: the caller sees a block without replicas.
            return message
        }
        message.replicas = chain.messages
        // Drawn anew for each reader: the stream's key is the token's, and nobody else's token may
        // be made by asking at the same moment.
        let lease = LeaseID(using: &generator)
        (message.token, message.streamKey) = token(
            .read, block: block, lease: lease, chain: chain.hash, maxLength: block.length, now: now)
        return message
    }

    /// Nodes that hold the block, and those of its chain that have yet to say whether they do.
    private func candidates(for block: BlockInfo, now: Int64) -> [ReplicaOrder.Replica] {
        var ids = replicas.holders(of: block.block).filter(\.sealed).map(\.node)
        for id in block.chain where !ids.contains(id) {
            guard let node = nodes[id], !node.hasUnfit(block.block) else { continue }
            if node.isDead || !node.reportComplete { ids.append(id) }
        }
        return ids.compactMap { id in
            nodes[id].map { node in
                ReplicaOrder.Replica(
                    node: id, location: node.location, liveness: liveness(of: node, now: now),
                    load: node.planned + Int(node.openStreams),
                    isSuspected: suspicions.contains(id, now: now))
            }
        }
    }

    /// Whether a node of its chain has yet to say that it holds the block, or that it does not: it
    /// has not come since the namenode was started, or has not named everything.
    private func isIncomplete(_ block: BlockInfo) -> Bool {
        block.chain.contains { id in
            nodes[id].map { !$0.reportComplete } ?? true
        }
    }

    /// A block without its replicas.
    func location(of block: BlockInfo) -> ControlBlockLocation {
        var message = ControlBlockLocation()
        message.block = block.block.number
        message.epoch = block.epoch.number
        message.offset = block.position
        message.length = block.length
        message.crc = block.checksum
        return message
    }
}
