import Foundation
import Wire

extension Namenode {
    /// ADDBLOCK: the next block of an open value, its chain, and the token to write it with.
    mutating func addBlock(
        _ request: ControlAddBlock, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlBlockPlan {
        try requireNodes(forNewBytes: true, now: turn.now)
        var lease = try lease(request.leaseID, turn)
        guard lease.blocks < settings.bounds.blocksPerLease else {
            throw Refusal(
                .busy, "a value has at most \(settings.bounds.blocksPerLease) blocks")
        }
        let tally = turn.store.tally
        guard tally.blocks - tally.sealedBlocks < settings.bounds.openBlocks else {
            throw Refusal(
                .busy, "\(settings.bounds.openBlocks) blocks are being written: try again")
        }
        let nodes = try place(request, now: turn.now)
        guard let chain = prepared(nodes) else {
            throw Refusal(.internal, "the chosen nodes make no chain")
        }
        let record = BlockRecord(
            block: BlockID(turn.take(.block)), epoch: Epoch(1), value: lease.value,
            position: UInt64(lease.blocks), chain: nodes)
        lease.blocks += 1
        turn.mutations += [.putBlock(record), .putLease(lease)]
        for node in nodes { self.nodes[node]?.planned += 1 }
        var plan = ControlBlockPlan()
        plan.block = record.block.number
        plan.epoch = record.epoch.number
        plan.maxLength = UInt64(settings.blockBytes)
        plan.chain = chain.messages
        plan.token = Data(
            token(
                .write, block: record, lease: lease.id, chain: chain.hash,
                maxLength: plan.maxLength,
                now: turn.now))
        return plan
    }

    private mutating func place(
        _ request: ControlAddBlock, now: Int64
    ) throws(Refusal) -> [NodeID] {
        let replicas = request.replicas == 0 ? settings.replicas : Int(request.replicas)
        guard Limits.chainNodes.contains(replicas) else {
            throw Refusal(
                .malformed,
                "a chain has 1 to \(Limits.chainNodes.upperBound) nodes, not \(replicas)")
        }
        guard request.exclude.count <= settings.bounds.excludes else {
            throw Refusal(.malformed, "at most \(settings.bounds.excludes) nodes can be excluded")
        }
        let writer = try Self.location(request.location)
        let excluded = Set(request.exclude.compactMap { NodeID(bytes: $0) })
        let candidates = nodes.values.compactMap { node -> Placement.Candidate? in
            guard !excluded.contains(node.id), liveness(of: node, now: now) == .live else {
                return nil
            }
            return Placement.Candidate(
                node: node.id, location: node.location, capacityBytes: node.capacityBytes,
                usedBytes: node.usedBytes, roomBytes: node.roomBytes, planned: node.planned)
        }
        let most = UInt64(settings.blockBytes)
        let outcome = Placement.choose(
            candidates, replicas: replicas,
            needBytes: request.sizeHint == 0 ? most : min(request.sizeHint, most),
            blockBytes: most, writer: writer, using: &generator)
        switch outcome {
        case .chain(let chain): return chain
        case .tooFew(let found): throw .tooFewNodes(live: found, needed: replicas)
        case .noSpace(let found):
            throw Refusal(
                .noSpace, "\(found) datanodes have room for this block, \(replicas) are needed")
        }
    }

    /// Where a caller says it is; empty means that it does not say.
    static func location(_ text: String) throws(Refusal) -> Location? {
        if text.isEmpty { return nil }
        guard let location = Location(text) else {
            throw Refusal(.malformed, "\"\(text)\" is not a location like /az/pod/rack/node/device")
        }
        return location
    }
}
