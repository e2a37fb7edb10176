import Client
import Control
import DataPath
import Reactor
import Wire

/// A whole cluster in one thread on a virtual clock: namenode, datanodes and clients, the product's
/// state machines, on simulated disks and a simulated network, with everything drawn from one seed.
///
/// A run is a number of cycles: load while things break, then peace, then every promise is looked
/// at.
package final class SimulatedCluster {
    let world: SimulatedWorld
    let plan: SimulationPlan
    let plant: Plant?
    let id: ClusterID
    let secret: [UInt8]
    let ledger: KeyLedger
    let allKeys: [String]
    private(set) var trace: SimulationTrace
    private(set) var cycle = 0
    /// Nothing goes wrong any more, until the next cycle.
    private(set) var isCalm = true
    /// The namenode runs on a namespace that is not the newest.
    var servesOlder = false
    /// Clients draw new jobs.
    private(set) var hasLoad = false
    /// What each node had last said when peace began.
    private var saidBefore: [NodeID: SimulatedContact] = [:]
    var lateTokens = LateTokens()
    /// Milliseconds since 1970, as the hosts believe: it jumps, and nothing may depend on it.
    var wallClock: Int64 = 1_700_000_000_000

    private(set) var datanodes: [SimulatedDatanode] = []
    private(set) var clients: [SimulatedClient] = []
    private let driver: SimulationDriver
    private(set) lazy var namenode = makeNamenode()
    private(set) lazy var network = ControlNetwork(self)
    private(set) lazy var oracle = SimulationOracle(self, blackBox: isBlackBox)
    lazy var chaos = SimulatedChaos(self)
    private let isBlackBox: Bool

    package init(
        seed: UInt64, plant: Plant? = nil, blackBox: Bool = false,
        adjust: (inout SimulationPlan) -> Void = { _ in },
        print: ((String) -> Void)? = nil
    ) {
        var random = SimulationRandom(seed: seed)
        var plan = SimulationPlan(using: &random)
        adjust(&plan)
        var settings = SimulationSettings()
        settings.diskBytes = 64 << 20
        settings.userTimeout = 4_000_000_000
        plan.adjustWorld(&settings)
        world = SimulatedWorld(seed: seed, settings: settings)
        self.plan = plan
        self.plant = plant
        isBlackBox = blackBox
        id = ClusterID(using: &random)
        secret = (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        world.random = random
        trace = SimulationTrace(print: print)
        let keys = (0..<plan.clients).map { client in
            (0..<plan.keysPerClient).map { "client\(client)/key\($0)" } + ["client\(client)/last"]
        }
        allKeys = keys.flatMap { $0 }
        ledger = KeyLedger(allKeys)
        driver = SimulationDriver(world)
        build(keys)
    }

    private func build(_ keys: [[String]]) {
        datanodes = (0..<plan.datanodes).map { number in
            SimulatedDatanode(
                self, number: number, reactors: plan.reactorsPerNode[number],
                devices: plan.devicesPerNode[number])
        }
        clients = keys.enumerated().map { number, keys in
            SimulatedClient(self, number: number, keys: Array(keys.dropLast()))
        }
        plantLies()
        driver.add(chaos)
        driver.add(network)
        driver.add(namenode)
        for node in datanodes { driver.add(node) }
        for client in clients { driver.add(client) }
    }

    private func makeNamenode() -> SimulatedNamenode {
        var settings = NamenodeSettings()
        settings.replicas = plan.replicas
        settings.blockBytes = plan.blockBytes
        settings.heartbeatMs = 200
        settings.staleMs = 700
        settings.deadMs = 2_000
        settings.leaseMs = 3_000
        settings.deleteGraceMs = 300
        settings.tokenMs = 20_000
        settings.keyRotationMs = 30_000
        return SimulatedNamenode(self, id: id, secret: secret, settings: settings)
    }

    private func plantLies() {
        for disk in datanodes.flatMap(\.disks) {
            switch plant {
            case .ackBeforeWrite: disk.lies.writesAhead = 30_000_000
            case .missingDirectoryFsync: disk.lies.directorySyncs = true
            case .closeBeforeDurable, .skippedCRC, .replyBeforeCommit, .leakedKeys,
                .silentWitnesses, .forgottenDeletions, .believedImpostors, nil:
                break
            }
        }
    }

    func datanode(_ id: NodeID) -> SimulatedDatanode? {
        datanodes.first { $0.identity.node == id }
    }

    /// Of a block that the head of its chain has deleted.
    func lateToken() -> BlockPlan? {
        lateTokens.take { plan in
            datanode(plan.credentials.chain.nodes[0].node)?.hasDeleted(plan.block) == true
        }
    }

    func note(_ values: [UInt64], _ text: @autoclosure () -> String) {
        trace.mix(world.digest)
        trace.note(world.time, values, text())
    }

    // MARK: A run

    /// - Returns: what came of it; the same for the same seed, plan and number of cycles.
    package func run(cycles: Int) -> SimulationResult {
        start()
        for number in 1...max(1, cycles) where !oracle.isBroken {
            cycle = number
            runLoad()
            heal()
            settle()
            oracle.auditAll()
            serveOlder()
            verify()
        }
        rest()
        trace.mix(world.digest)
        return SimulationResult(
            seed: world.seed, hash: trace.hash, breach: oracle.breach, cycles: cycle,
            virtualTime: world.time, jobs: clients.reduce(0) { $0 + $1.jobsDone },
            acks: ledger.acks, checks: oracle.checks, crashes: chaos.crashes,
            moves: datanodes.reduce(0) { $0 + $1.moves },
            resumes: clients.reduce(0) { $0 + $1.resumes }, found: oracle.found)
    }

    /// Nobody asks for anything, until every connection is idle for long enough to end.
    func rest() {
        guard !oracle.isBroken else { return }
        for client in clients {
            oracle.rested(client)
            client.die()
        }
        _ = drive(for: plan.datanodeSettings.idleTimeout + 5_000_000_000) { false }
        for node in datanodes { oracle.rested(node) }
    }

    /// Everything comes up.
    func start() {
        namenode.start()
        for node in datanodes { node.start() }
        settle()
    }

    func drive(for span: UInt64, until condition: () -> Bool) -> Bool {
        let end = driver.run(for: span, rounds: 3_000_000) {
            oracle.isBroken || condition()
        }
        return end == .done
    }

    private func runLoad() {
        note([1, UInt64(cycle)], "cycle \(cycle)")
        isCalm = false
        hasLoad = true
        world.faults = plan.faults
        if let victim = plan.victim {
            for disk in datanodes[victim].disks { disk.faults = plan.victimFaults }
        }
        chaos.plan(cycle)
        _ = drive(for: plan.loadTime) { false }
        hasLoad = false
        chaos.end()
    }

    /// Everything that was broken is mended, everything that is down comes up.
    private func heal() {
        guard !oracle.isBroken else { return }
        note([2, UInt64(cycle)], "peace")
        isCalm = true
        saidBefore = [:]
        for node in datanodes { saidBefore[node.identity.node] = contact(node.identity.node) }
        world.faults = SimulationFaults()
        world.healAll()
        for node in datanodes {
            for disk in node.disks { disk.faults = nil }
            if node.hasFailedDevice || node.agent?.isRefused == true { node.end(power: false) }
            if !node.isUp { node.start() }
        }
        if !namenode.isUp { namenode.start() }
        for client in clients where !client.isUp { client.start() }
    }

    private func contact(_ node: NodeID) -> SimulatedContact? {
        namenode.entry(of: node).map {
            SimulatedContact(session: $0.session, sequence: $0.sequence)
        }
    }

    /// Until every job is over and every node is known to the namenode with all it has, and has
    /// said something in peace: a node that was cut off may be stale without being dead.
    func settle() {
        guard !oracle.isBroken else { return }
        guard !drive(for: 120_000_000_000, until: { isSettled }) else {
            return oracle.checkNamespace()
        }
        oracle.stuck(
            "the cluster does not come to rest within two minutes of peace: \(restless)")
    }

    private var isSettled: Bool {
        clients.allSatisfy(\.isIdle) && datanodes.allSatisfy(isSettled)
    }

    private func isSettled(_ node: SimulatedDatanode) -> Bool {
        guard let agent = node.agent, agent.isRegistered,
            let entry = namenode.entry(of: node.identity.node)
        else { return false }
        return !entry.isDead && entry.reportComplete
            && entry.session == agent.membership.session
            && contact(entry.id) != saidBefore[entry.id]
    }

    /// Who is not at rest.
    private var restless: String {
        let names =
            clients.filter { !$0.isIdle }.map(\.name)
            + datanodes.filter { !isSettled($0) }.map(\.name)
        return names.joined(separator: ", ")
    }

    /// Everybody reads everything that should be there, and writes once more.
    private func verify() {
        guard !oracle.isBroken else { return }
        for (number, key) in allKeys.enumerated() {
            let client = clients[number % clients.count]
            client.orders.append(
                GetJob(self, client, key: key, isPart: false, mustSucceed: true))
        }
        for client in clients {
            let key = "client\(client.number)/last"
            client.orders.append(PutJob(self, client, key: key, mustSucceed: true))
            client.orders.append(
                GetJob(self, client, key: key, isPart: false, mustSucceed: true))
        }
        settle()
    }

    // MARK: Plants

    /// A receipt that says more than its chain did, signed with the cluster's own key.
    func overstated(_ signed: SignedReceipt) -> SignedReceipt {
        var receipt = signed.receipt
        receipt.level = .durable
        guard let key = namenode.receiptKey(receipt.key) else {
            return signed
        }
        return SignedReceipt(receipt: receipt, signature: receipt.signature(with: key))
    }
}

extension SimulatedWorld {
    /// The challenges of one process, apart from all other draws: nothing that happens depends on
    /// them.
    func challenges(of name: String) -> ChallengeRandom {
        let seed = name.utf8.reduce(self.seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return ChallengeRandom(SimulationRandom(seed: seed))
    }
}

/// The last that the namenode took from a datanode.
struct SimulatedContact: Equatable {
    let session: UInt64
    /// Of its HEARTBEATs.
    let sequence: UInt64
}
