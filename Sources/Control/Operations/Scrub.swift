import Wire

extension Namenode {
    /// REPORT_BAD: a client met a node that does not answer, or a chunk that is not what was
    /// written. A reader's word condemns no copy: the node is told to look for itself, and reports
    /// what it finds.
    mutating func reportBad(
        _ request: ControlReportBad, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        let block = BlockID(request.block)
        guard let id = NodeID(bytes: request.nodeID) else {
            throw Refusal(.malformed, "a node id has 16 bytes")
        }
        switch request.reason {
        case .badBytes: break
        case .silent: return try suspect(id, &turn)
        case .UNRECOGNIZED(let number):
            throw Refusal(.malformed, "reason \(number) is not known")
        }
        guard let record = turn.store.block(block), record.state == .sealed,
            record.epoch == Epoch(request.epoch), let node = nodes[id],
            record.chain.contains(id) || replicas.holds(id, block) != nil
        else { throw Refusal(.notFound, "node \(id) is not known to hold block \(block)") }
        guard !node.hasUnfit(block) else { return ControlEmpty() }
        let most = settings.bounds.scrubsPerNode
        guard nodes[id]?.scrubs.ask(block, most: most) == true else {
            throw Refusal(.busy, "node \(id) has \(most) blocks to scrub")
        }
        turn.note(
            Notice(
                .warning, "a reader met a bad chunk: its node is told to scrub the block",
                ["node": "\(id)", "block": "\(block)"]))
        return ControlEmpty()
    }

    private mutating func suspect(
        _ id: NodeID, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        guard nodes[id] != nil else { throw Refusal(.notFound, "node \(id) is not known") }
        let isNew = suspicions.add(
            id, by: turn.caller.address, now: turn.now, until: turn.now + settings.suspectMs,
            of: nodes.count)
        if isNew {
            turn.note(
                Notice(
                    .warning, "a client says that a node does not answer: it is named last",
                    ["node": "\(id)", "client": turn.caller.peer]))
        }
        return ControlEmpty()
    }

    /// SCRUB: an operator asks for one now, and how far they are.
    mutating func scrub(
        _ request: ControlScrub, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlScrubReply {
        let named = try node(named: request.nodeID)
        let block = request.block == 0 ? nil : BlockID(request.block)
        var reply = ControlScrubReply()
        var chosen = named.map { [$0] } ?? Array(nodes.keys)
        if let block {
            let holders = replicas.holders(of: block).filter(\.sealed).map(\.node)
            chosen = chosen.filter { holders.contains($0) }
            guard !chosen.isEmpty else {
                throw Refusal(.notFound, "no node with a good copy of block \(block) is known")
            }
        }
        if request.start { reply.asked = UInt32(clamping: ask(chosen, for: block)) }
        var room = settings.bounds.replyListBytes
        for entry in chosen.compactMap({ nodes[$0] }).sorted(by: Self.comesFirst) {
            let message = nodeScrub(entry, now: turn.now)
            room -= Self.size(message)
            guard room > 0 else { break }
            reply.nodes.append(message)
        }
        return reply
    }

    /// `nil` when the request names none.
    func node(named bytes: some Collection<UInt8>) throws(Refusal) -> NodeID? {
        if bytes.isEmpty { return nil }
        guard let id = NodeID(bytes: bytes) else {
            throw Refusal(.malformed, "a node id has 16 bytes")
        }
        guard nodes[id] != nil else { throw Refusal(.notFound, "node \(id) is not known") }
        return id
    }

    private mutating func ask(_ chosen: [NodeID], for block: BlockID?) -> Int {
        let most = settings.bounds.scrubsPerNode
        var asked = 0
        for id in chosen where nodes[id]?.isDead == false {
            if let block {
                guard nodes[id]?.scrubs.ask(block, most: most) == true else { continue }
            } else {
                nodes[id]?.scrubs.isAllWanted = true
            }
            asked += 1
        }
        return asked
    }

    private func nodeScrub(_ node: NodeEntry, now: Int64) -> ControlNodeScrub {
        var message = ControlNodeScrub()
        message.node = node.message
        message.state = liveness(of: node, now: now).rawValue
        message.waiting = UInt64(node.scrubs.waiting.count)
        message.waitingAll = node.scrubs.isAllWanted
        message.corrupt = UInt64(node.corrupt.count)
        message.devices = node.scrubs.progress
        message.paths = node.scrubs.progress.map { scrub in
            node.devices.first { $0.deviceID == scrub.deviceID }?.path ?? ""
        }
        return message
    }

    /// What a node is to read, once; a heartbeat that comes again gets what its answer had.
    mutating func scrubCommands(
        for id: NodeID, most: Int, isRepeated: Bool
    ) -> [ControlCommand] {
        if isRepeated {
            nodes[id]?.scrubs.repeatIssued(most: most)
        } else {
            nodes[id]?.scrubs.issue(most: most)
        }
        let orders = nodes[id]?.scrubs.issued ?? []
        return orders.map { block in
            var command = ControlCommand()
            command.kind = .scrub
            command.block = block.number
            return command
        }
    }
}
