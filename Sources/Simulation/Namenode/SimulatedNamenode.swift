import Control
import Reactor
import Wire

/// The namenode's process: the real machine and overlay on an engine whose commits land
/// when the simulation says so, and a shell that does what the server does: one commit at a time,
/// replies after it.
final class SimulatedNamenode: SimulationParticipant {
    static let name = "namenode"
    static let tick: UInt64 = 100_000_000

    private struct Reply {
        let line: ControlLine
        let body: [UInt8]
    }

    /// A commit under way: when it is on the disk, and when its thread says so.
    private struct Commit {
        let landsAt: UInt64
        let answersAt: UInt64
        let fails: Bool
        var hasLanded = false
    }

    private unowned let cluster: SimulatedCluster
    let settings: NamenodeSettings
    /// What is on its disk: it stays when the process ends.
    let disk = MemoryEngine(landsAtOnce: false)
    private let id: ClusterID
    private let secret: [UInt8]
    /// The machine; a box, so that a look at it does not copy it.
    private final class Machine {
        var engine: Engine

        init(_ engine: Engine) { self.engine = engine }
    }

    private var machine: Machine?
    private var gate = ReplyGate<Reply>()
    private var commit: Commit?
    private var nextTick: UInt64 = 0
    /// When the host's monotonic clock began.
    private var bootedAt: UInt64 = 0
    private var boots = 1
    private(set) var starts = 0
    /// Who answers at the namenode's address while it is down.
    private var impostor: ImpostorNamenode?

    init(
        _ cluster: SimulatedCluster, id: ClusterID, secret: [UInt8], settings: NamenodeSettings
    ) {
        self.cluster = cluster
        self.id = id
        self.secret = secret
        self.settings = settings
        Self.mustWork { () throws(StoreFailure) in
            try disk.create(cluster: id, firstNumber: 1)
        }
    }

    /// A simulated store does not fail.
    private static func mustWork<Value>(_ body: () throws(StoreFailure) -> Value) -> Value {
        do { return try body() } catch { preconditionFailure(error.reason) }
    }

    private var world: SimulatedWorld { cluster.world }
    var isUp: Bool { machine != nil }
    /// Somebody answers at its address.
    var isAnswering: Bool { isUp || impostor != nil }

    /// The wall clock is whatever the simulation says: nothing may depend on it.
    private var moment: Moment {
        Moment(now: milliseconds, unixMs: cluster.wallClock)
    }

    private var milliseconds: Int64 { Int64((world.time - bootedAt) / 1_000_000) + 1 }

    // MARK: Life

    func start() {
        precondition(!isUp, "a namenode starts once")
        starts += 1
        endImpostor()
        let generator = SimulationRandom(seed: world.random.next())
        let decisions = Namenode(
            cluster: id, secret: secret, settings: settings, locations: LocationMap(),
            now: milliseconds, generator: generator)
        let engine = Self.mustWork { () throws(StoreFailure) in
            let store = try disk.open(cluster: id, now: milliseconds, boot: "\(boots)")
            var engine = Engine(namenode: decisions, store: store)
            _ = try engine.start(at: moment)
            return engine
        }
        machine = Machine(engine)
        gate = ReplyGate()
        nextTick = world.time + Self.tick
        beginCommit()
    }

    /// The process ends. A commit under way may have reached the disk.
    /// - Parameter power: the host went down too: its monotonic clock begins anew.
    func end(power: Bool) {
        guard isUp else { return }
        machine = nil
        if let commit, !commit.hasLanded, world.random.below(2) == 0 { disk.land() }
        commit = nil
        if power {
            bootedAt = world.time
            boots += 1
        }
        cluster.network.breakLines()
    }

    /// Somebody else listens where the namenode did.
    func giveUpAddress() {
        guard !isUp, impostor == nil else { return }
        impostor = ImpostorNamenode(cluster)
    }

    private func endImpostor() {
        guard impostor != nil else { return }
        impostor = nil
        cluster.network.breakLines()
    }

    /// A copy of the namespace as it is on the disk now.
    func copy() -> MemoryEngine {
        let copy = MemoryEngine()
        Self.mustWork { () throws(StoreFailure) in try disk.copy(to: copy) }
        return copy
    }

    /// Sentences about what is wrong with the namespace on the disk.
    var damage: [String] { Self.mustWork { () throws(StoreFailure) in try disk.check() } }

    /// Puts another namespace in the place of what is on the disk, and starts on it.
    func start(on other: MemoryEngine) {
        end(power: false)
        Self.mustWork { () throws(StoreFailure) in try other.copy(to: disk) }
        start()
    }

    /// The operator goes on with what is on the disk, whatever came later, while nothing runs.
    func accept() {
        var generator = SimulationRandom(seed: world.random.next())
        Self.mustWork { () throws(StoreFailure) in try disk.giveUpLater(using: &generator) }
    }

    /// The next block to be given; 0 while the namenode is down.
    var nextBlock: BlockID { BlockID(machine?.engine.store.counter(.block) ?? 0) }

    // MARK: Requests

    func take(_ body: [UInt8], on line: ControlLine) {
        if let impostor { return impostor.take(body, on: line) }
        guard isUp else { return }
        let caller = Caller(role: line.role, challenge: line.challenge, peer: line.caller)
        let answer: Engine.Answer?
        do {
            let request = try RequestReader.read(body)
            answer = try machine?.engine.handle(request, body: body, from: caller, at: moment)
        } catch {
            preconditionFailure("a request that was written can be read and decided: \(error)")
        }
        guard let answer else { return }
        let reply = Reply(line: line, body: answer.encoded ?? ReplyWriter.body(answer.reply))
        let isDirty = machine?.engine.isDirty == true
        guard gate.holds(reply, isSettled: answer.isSettled, isDirty: isDirty) else {
            return send(reply)
        }
        // The plant: it leaves now, and its commit is only beginning.
        if cluster.plant == .replyBeforeCommit { send(reply) }
        beginCommit()
    }

    private func send(_ reply: Reply) { cluster.network.reply(reply.body, on: reply.line) }

    private func beginCommit() {
        guard gate.begin() else { return }
        machine?.engine.commit(at: world.time) { _ in }
        let slow = cluster.isCalm ? 0 : cluster.plan.slowCommits
        let time =
            world.random.chance(slow)
            ? world.random.pick(5_000_000...80_000_000) : world.random.pick(100_000...2_000_000)
        let fails = world.random.chance(cluster.isCalm ? 0 : cluster.plan.failingCommits)
        let lands = world.time + world.random.pick(time / 2...time)
        commit = Commit(landsAt: lands, answersAt: world.time + time, fails: fails)
    }

    private func endCommit() {
        guard let ended = commit else { return }
        // Nobody starts it again in calm.
        if ended.fails, !cluster.isCalm {
            cluster.note([3], "namenode: a commit fails, it stops")
            return end(power: false)
        }
        if !ended.hasLanded { disk.land() }
        commit = nil
        machine?.engine.committed(at: world.time)
        for reply in gate.end() where cluster.plant != .replyBeforeCommit { send(reply) }
        if gate.wantsAnother(isDirty: machine?.engine.isDirty == true) { beginCommit() }
    }

    // MARK: Time

    func turn() -> Bool {
        guard isUp else { return false }
        var isBusy = false
        if let pending = commit, !pending.hasLanded, !pending.fails, world.time >= pending.landsAt {
            disk.land()
            commit?.hasLanded = true
            isBusy = true
        }
        if let pending = commit, world.time >= pending.answersAt {
            endCommit()
            isBusy = true
        }
        if isUp, world.time >= nextTick {
            nextTick = world.time + Self.tick
            Self.mustWork { () throws(StoreFailure) in
                _ = try machine?.engine.tick(at: moment)
            }
            if machine?.engine.isDirty == true { beginCommit() }
            cluster.oracle.ticked()
            isBusy = true
        }
        return isBusy
    }

    var nextDeadline: UInt64? {
        guard isUp else { return nil }
        let due = commit.map { $0.hasLanded || $0.fails ? $0.answersAt : $0.landsAt }
        return [nextTick, due].compactMap { $0 }.min()
    }

    /// What the machine knows of a node; `nil` also while the namenode is down.
    func entry(of node: NodeID) -> NodeEntry? { machine?.engine.namenode.nodes[node] }

    /// The key that a receipt is signed with.
    func receiptKey(_ id: KeyID) -> SigningKey? { machine?.engine.namenode.keys.receiptKey(id) }

    /// The key that tokens are signed with.
    var signingKey: SigningKey? {
        machine.flatMap { machine in
            let ring = machine.engine.namenode.keys.ring
            return ring[ring.current]
        }
    }

    func record(of key: String) -> KeyRecord? {
        Key(key).flatMap { machine?.engine.store.key($0) }
    }

    /// What the namespace says of a block now; `nil` also while the namenode is down.
    func record(of block: BlockID) -> BlockInfo? { machine?.engine.store.block(block) }

    /// Its own start; `nil` while it is down.
    var incarnation: NamespaceIncarnation? { machine?.engine.store.history.current }
}
