import Foundation
import Wire

extension Namenode {
    /// ADDBLOCK: the next block of an open value, its chain, and the token to write it with; and
    /// the blocks behind it, for a writer that wants several from one commit.
    mutating func addBlock(
        _ request: ControlAddBlock, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlBlockPlan {
        try requireNodes(forNewBytes: true, in: turn.store, now: turn.now)
        try requireReports(now: turn.now)
        let lease = try lease(request.leaseID, turn)
        let most = try blockBytes(request)
        let count = blocks(request, of: most)
        var planning = BlockPlanning(
            request, maxLength: most, number: turn.take(.block, count: count), lease: lease)
        while planning.plans.count < count {
            do throws(Refusal) {
                try planBlock(&planning, &turn)
            } catch {
                // What there is room for is given; the writer hears why when it asks for the rest.
                let isLack = [.busy, .noSpace, .tooFewNodes].contains(error.code)
                guard !planning.plans.isEmpty, isLack else { throw error }
                break
            }
        }
        turn.mutations.append(.putLease(planning.lease))
        leaseHolders.seen(lease.id, from: turn.caller.address)
        leaseHolders.plan(lease.id, blocks: planning.plans.count)
        var answer = planning.plans[0]
        answer.more = Array(planning.plans.dropFirst())
        return answer
    }

    /// How many blocks are planned: what was asked for, and no more than the value needs.
    private func blocks(_ request: ControlAddBlock, of most: UInt64) -> Int {
        guard request.sizeHint > 0 else { return 1 }
        let needed = (request.sizeHint - 1) / most + 1
        return Int(
            min(UInt64(max(1, request.count)), UInt64(settings.bounds.blocksPerPlan), needed))
    }

    private mutating func planBlock(
        _ planning: inout BlockPlanning, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) {
        guard planning.lease.blocks < settings.bounds.blocksPerValue else { throw tooManyBlocks }
        try requireRoomForBlock(planning, turn)
        let nodes = try place(planning, in: turn.store, turn.now)
        guard let chain = prepared(nodes) else {
            throw Refusal(.internal, "the chosen nodes make no chain")
        }
        let record = BlockInfo(
            block: BlockID(planning.number + UInt64(planning.plans.count)), epoch: Epoch(1),
            value: planning.lease.value, position: UInt64(planning.lease.blocks), chain: nodes,
            incarnation: history.current)
        turn.mutations.append(.putBlock(record))
        var plan = ControlBlockPlan()
        plan.block = record.block.number
        plan.epoch = record.epoch.number
        plan.maxLength = planning.maxLength
        plan.chain = chain.messages
        (plan.token, plan.streamKey) = token(
            .write, block: record, lease: planning.lease.id, chain: chain.hash,
            maxLength: plan.maxLength, now: turn.now)
        for node in nodes {
            self.nodes[node]?.planned += 1
            planning.promised[node, default: 0] += planning.needBytes
        }
        planning.plans.append(plan)
        planning.lease.blocks += 1
        planning.rest -= min(planning.rest, planning.maxLength)
    }

    /// As for leases: whoever holds the lease and the address it is used from have their shares.
    private func requireRoomForBlock(
        _ planning: BlockPlanning, _ turn: borrowing Turn<some NamespaceReader>
    ) throws(Refusal) {
        let bounds = settings.bounds
        let new = planning.plans.count
        try Self.require(
            leaseHolders.share(of: planning.lease.client).blocks + new,
            below: bounds.openBlocksPerClient,
            "this client writes %d blocks at once: close some of its keys")
        let tally = turn.store.tally
        let open = tally.blocks - tally.sealedBlocks + new
        try Self.require(
            open, below: bounds.openBlocks, "%d blocks are being written: try again")
        let own = leaseHolders.share(of: turn.caller.address).blocks + new
        try Self.require(
            own, below: bounds.openBlocksPerAddress,
            "this address writes %d blocks at once: try again")
        try Self.require(
            own, below: bounds.openBlocks - open,
            "no more blocks are left for this address: try again")
    }

    /// The longest that a block of this writer becomes.
    private func blockBytes(_ request: ControlAddBlock) throws(Refusal) -> UInt64 {
        guard request.blockBytes > 0 else { return UInt64(settings.blockBytes) }
        guard request.blockBytes >= Limits.blockBytes.lowerBound else {
            throw Refusal(
                .malformed,
                "a block has at least \(Limits.blockBytes.lowerBound) bytes, "
                    + "not \(request.blockBytes)")
        }
        return min(settings.mostBlockBytes, request.blockBytes)
    }

    var tooManyBlocks: Refusal {
        Refusal(
            .malformed,
            "a value has at most \(settings.bounds.blocksPerValue) blocks: make longer ones")
    }

    private mutating func place(
        _ planning: BlockPlanning, in store: some NamespaceReader, _ now: Int64
    ) throws(Refusal) -> [NodeID] {
        let request = planning.request
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
        let candidates = nodes.values.compactMap { node -> ReplicaPlacement.Candidate? in
            guard !excluded.contains(node.id), liveness(of: node, now: now) == .live else {
                return nil
            }
            let space = node.space
            return ReplicaPlacement.Candidate(
                node: node.id, location: node.location, capacityBytes: space.capacityBytes,
                usedBytes: space.usedBytes,
                roomBytes: space.roomBytes - min(space.roomBytes, planning.promised[node.id] ?? 0),
                planned: node.planned, isSuspected: suspicions.contains(node.id, now: now))
        }
        let outcome = ReplicaPlacement.choose(
            candidates, replicas: replicas, needBytes: planning.needBytes,
            blockBytes: UInt64(settings.blockBytes), writer: writer, using: &generator)
        switch outcome {
        case .chain(let chain): return chain
        case .tooFew(let found):
            throw .shortChain(found: found, wanted: replicas, unheard: unheard(in: store, now: now))
        case .noSpace(let found):
            throw Refusal(
                .noSpace,
                "\(found) datanodes have room for this block, and its chain wants \(replicas)")
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

/// One ADDBLOCK in hand: what it asked for, and what it was given so far.
struct BlockPlanning {
    let request: ControlAddBlock
    /// The longest that a block becomes.
    let maxLength: UInt64
    /// The number of the first block.
    let number: UInt64
    var lease: LeaseRecord
    /// Bytes that no block is planned for yet; 0 when nobody knows.
    var rest: UInt64
    var plans: [ControlBlockPlan] = []
    /// Bytes planned for each node, of which it cannot know yet.
    var promised: [NodeID: UInt64] = [:]

    init(_ request: ControlAddBlock, maxLength: UInt64, number: UInt64, lease: LeaseRecord) {
        self.request = request
        self.maxLength = maxLength
        self.number = number
        self.lease = lease
        rest = request.sizeHint
    }

    /// Bytes that the next block may come to.
    var needBytes: UInt64 { rest == 0 ? maxLength : min(rest, maxLength) }
}
