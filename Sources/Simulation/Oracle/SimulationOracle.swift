import Client
import Control
import DataPath
import Reactor
import Wire

/// Compares what the cluster tells and has with what it promised, after every event that promises
/// something. The first breach is kept; `Breach.Oracle` lists the promises.
///
/// Some oracles look into the cluster's disks and memory, others only at what clients were told;
/// with `blackBox` only the latter speak.
final class SimulationOracle {
    unowned let cluster: SimulatedCluster
    let isBlackBox: Bool
    private(set) var breach: Breach?
    private(set) var isBroken = false
    private(set) var checks: UInt64 = 0
    /// Who was told each block's number: client and request.
    private var planned: [PlannedBlock: RequestName] = [:]
    /// What starts have met.
    var found = StartFindings()
    /// Blocks that are being written.
    private var watched: [ChainWatch] = []
    /// Of values that are not closed yet.
    private(set) var open = OpenBlocks()

    init(_ cluster: SimulatedCluster, blackBox: Bool) {
        self.cluster = cluster
        isBlackBox = blackBox
    }

    private var ledger: KeyLedger { cluster.ledger }

    func checked() { checks += 1 }

    func fail(_ oracle: Breach.Oracle, _ sentence: @autoclosure () -> String) {
        guard !isBroken else { return }
        isBroken = true
        let found = Breach(
            oracle: oracle, cycle: cluster.cycle, time: cluster.world.time, sentence: sentence())
        breach = found
        cluster.note([99], "BREACH (\(oracle.rawValue)): \(found.sentence)")
    }

    // MARK: What the namenode says

    /// A client was told that something is done.
    func answered(_ request: ControlRequest, _ reply: ControlReply, client: String) {
        checks += 1
        guard let id = ClientID(bytes: request.clientID) else { return }
        let name = RequestName(client: id, request: request.requestID)
        if case .addBlock(let plan) = reply.result {
            let incarnation = Token(decoding: Array(plan.token))?.incarnation ?? .unknown
            let block = PlannedBlock(BlockID(plan.block), incarnation)
            if let other = planned[block], other != name {
                fail(.generation, "block \(block.block) was given to two requests")
            }
            planned[block] = name
            if cluster.plan.hasLateWriters { cluster.lateTokens.heard(plan) }
        }
        guard !isBlackBox, request.operation?.isMutating == true else { return }
        if !cluster.namenode.disk.hasAnswer(to: name) {
            fail(.commit, "\(client) was answered before the commit of its request")
        }
    }

    /// What is on the namenode's disk in peace.
    func checkNamespace() {
        checks += 1
        guard !isBlackBox, let problem = cluster.namenode.damage.first else { return }
        fail(.namespace, problem)
    }

    // MARK: What chains say

    /// A writer begins a block.
    func began(_ plan: BlockPlan, of value: SimulatedValue, at position: Int, client: String) {
        open.began(plan, value, at: position)
        watched.append(
            ChainWatch(plan, value, at: position, by: client, now: cluster.world.time))
    }

    /// It writes it no more.
    func ended(_ plan: BlockPlan) {
        let block = PlannedBlock(plan)
        watched.removeAll { $0.block == block }
    }

    /// Nor does a client that is gone.
    func ended(client: String) { watched.removeAll { $0.client == client } }

    /// A datanode had its turn.
    func turned(_ node: SimulatedDatanode) {
        guard !isBlackBox, !isBroken else { return }
        for place in watched.indices where watched[place].chain.contains(node.identity.node) {
            checks += 1
            if let defect = watched[place].defect(cluster) { fail(.ack, defect) }
        }
    }

    /// Somebody else writes under a number that was a block's.
    func reused(_ block: BlockID) { open.forget(block) }

    /// An ack reached a writer: every member that was up since the block began has it.
    func acked(_ acked: Progress, _ plan: BlockPlan) {
        checks += 1
        guard acked.isOrdered else {
            return fail(.ack, "an ack says \(acked), which is out of order")
        }
        open.acked(plan, durable: acked.durable)
        let block = PlannedBlock(plan)
        guard let place = watched.firstIndex(where: { $0.block == block }) else { return }
        watched[place].heard(acked)
        guard !isBlackBox, let defect = watched[place].defect(cluster) else { return }
        fail(.ack, defect)
    }

    /// A seal reached its writer.
    func sealed(
        _ block: WrittenBlock, _ plan: BlockPlan, of value: SimulatedValue, level: Level,
        client: String
    ) {
        checks += 1
        if level == .durable { open.sealed(plan, block) }
        let range = block.position..<block.position + block.length
        if value.checksum(range) != block.checksum {
            fail(.bytes, "the receipt of block \(block.block) has another checksum than its bytes")
        }
        defer { ended(plan) }
        guard !isBlackBox else { return }
        if level == .durable { audit(block) } else { checkWritten(block, plan) }
    }

    /// Every member that was up all the while has sealed the block, and has its bytes.
    private func checkWritten(_ block: WrittenBlock, _ plan: BlockPlan) {
        let planned = PlannedBlock(plan)
        guard let index = watched.firstIndex(where: { $0.block == planned }) else { return }
        for (place, member) in block.chain.enumerated() {
            guard let node = cluster.datanode(member), node.isUp, !node.isVictim,
                node.startedAt < watched[index].since
            else { continue }
            let report = node.reported(block.block)
            // Its lease may have ended meanwhile.
            if report?.state == .gone { continue }
            if report?.state != .sealed || report?.length != UInt64(block.length) {
                fail(.ack, "\(node.name) has not sealed block \(block.block), and its chain has")
            }
            if let defect = watched[index].deviceDefect(place, node, UInt64(block.length)) {
                fail(.ack, defect)
            }
        }
    }

    /// A CLOSE was acked: what its durability says holds of every block.
    func closed(_ key: String, _ value: SimulatedValue, _ blocks: [WrittenBlock]) {
        checks += 1
        for block in blocks { open.forget(block.block) }
        guard !isBlackBox, value.durability == .durable else { return }
        for block in blocks { audit(block) }
    }

    /// Every member's disk has the block, whole, and a power cut cannot take it back.
    func audit(_ block: WrittenBlock) {
        // A block whose lease ended is deleted on the namenode's word, and that is no loss.
        guard let record = cluster.namenode.record(of: block.block), !record.isDoomed else {
            return
        }
        for member in block.chain {
            guard let node = cluster.datanode(member), !node.mayDamage else { continue }
            checks += 1
            let file = "\(block.block).blk"
            guard let disk = node.disk(of: block.block) else {
                fail(.durable, "\(node.name) has no file of block \(block.block), acked as durable")
                continue
            }
            // A longer spare file is cut after the seal: what is behind the block may come back.
            guard disk.isDurable(file, first: Int(BlockLayout.payloadOffset) + block.length) else {
                fail(
                    .durable,
                    "a power cut could take block \(block.block), "
                        + "acked as durable, from \(node.name)"
                )
                continue
            }
            let header = disk.header(of: block.block)
            let bytes = disk.bytes(
                of: file, from: Int(BlockLayout.payloadOffset), count: block.length)
            if header?.state != .sealed || header?.length != UInt64(block.length)
                || header?.epoch != block.epoch || header?.checksum != block.checksum
                || CRC32C.of(bytes) != block.checksum
            {
                fail(
                    .durable,
                    "\(node.name) holds block \(block.block), acked as durable, otherwise than it "
                        + "was sealed")
            }
        }
    }

    /// A copy that the newest namespace had before an older one ran.
    func kept(_ block: BlockID, on node: SimulatedDatanode) {
        checks += 1
        guard !isBlackBox, node.disk(of: block) == nil else { return }
        fail(.older, "an older namespace had \(node.name) delete block \(block)")
    }

    /// A block is there again that the same process had deleted.
    func returned(_ block: BlockID, on node: String) {
        checks += 1
        guard !isBlackBox else { return }
        fail(.deleted, "\(node) has block \(block) again, which it had deleted")
    }

    // MARK: What readers see

    func read(_ key: String, length: Int, range: Range<Int>, checksum: UInt32, since: Int) {
        checks += 1
        let found = ledger.possible(key, since: since).first { _, candidate in
            guard let value = candidate.value, value.length == length else { return false }
            return value.checksum(range) == checksum
        }
        guard let found else {
            return fail(
                .bytes, "a read of \(key), bytes \(range) of \(length), gives what nobody wrote")
        }
        ledger.saw(key, found.number)
    }

    func readAbsent(_ key: String, since: Int) {
        checks += 1
        let found = ledger.possible(key, since: since).first { $0.candidate.value == nil }
        guard let found else { return fail(.key, "\(key) is not there, and was acked") }
        ledger.saw(key, found.number)
    }

    /// A key was said to exist.
    func sawSome(_ key: String) {
        checks += 1
        if ledger.possible(key).allSatisfy({ $0.candidate.value == nil }) {
            fail(.key, "\(key) is said to exist, and was never closed, or deleted")
        }
    }

    func wrong(_ sentence: String) { fail(.key, sentence) }

    /// A read failed while nothing went wrong: that is right only for what was not promised.
    func unreadable(_ key: String, _ reason: String) {
        checks += 1
        let possible = ledger.possible(key)
        guard possible.allSatisfy({ isPromised($0.candidate) }) else { return }
        fail(.readable, "\(key) cannot be read when all is well again: \(reason)")
    }

    /// Acked bytes that no power cut may take, or that no power cut could have taken.
    private func isPromised(_ candidate: KeyLedger.Candidate) -> Bool {
        guard let value = candidate.value else { return true }
        if value.durability == .durable { return true }
        return candidate.cuts == ledger.cuts && cluster.plan.victim == nil
    }

    func stuck(_ sentence: String) { fail(.liveness, sentence) }

    // MARK: Nobody asks for anything

    /// Every buffer and every place came back.
    func rested(_ node: SimulatedDatanode) {
        guard !isBlackBox else { return }
        let budget = node.settings.budget
        for reactor in node.reactors {
            checks += 1
            let free = reactor.node.freeBuffers
            let counts = reactor.node.openCounts
            guard
                free.payload != budget.payloadBuffers || free.metadata != budget.metadataBuffers
                    || counts != (0, 0, 0)
            else { continue }
            fail(.leak, "\(node.name) rests: \(free) buffers are free, and open are \(counts)")
        }
    }

    func rested(_ client: SimulatedClient) {
        checks += 1
        let engine = client.box
        guard !isBlackBox, engine.freeBuffers != engine.buffers else { return }
        fail(.leak, "\(client.name) rests, and \(engine.freeBuffers) of its buffers are free")
    }

    // MARK: Always

    /// The namenode looked who is dead: a node that counts as dead is silent.
    func ticked() {
        guard !isBlackBox else { return }
        for node in cluster.datanodes where node.isUp {
            guard let entry = cluster.namenode.entry(of: node.identity.node), entry.isDead,
                let membership = node.agent?.membership, entry.session == membership.session
            else { continue }
            checks += 1
            if !membership.isFenced {
                fail(.fence, "\(node.name) counts as dead and still takes writes")
            }
        }
    }

    /// At the end of a cycle, when all is well again.
    func auditAll() {
        guard !isBlackBox, cluster.namenode.isUp else { return }
        for key in cluster.allKeys {
            let possible = ledger.possible(key)
            let record = cluster.namenode.record(of: key)
            let fits = possible.contains {
                $0.candidate.value?.length == record.map { Int($0.length) }
            }
            if !fits { fail(.key, "the namespace has \(key) as nobody may have left it") }
            guard let known = ledger.known(key), known.value?.durability == .durable else {
                continue
            }
            for block in known.blocks { audit(block) }
        }
    }
}
