import Client
import Reactor
import Wire

/// A client's process: the library's stream engine on a simulated ring, one job after another. It
/// alone changes its own keys, and reads everybody's.
final class SimulatedClient: SimulationParticipant {
    let name: String
    let number: Int
    let keys: [String]
    private unowned let cluster: SimulatedCluster
    private(set) var caller: SimulatedCaller
    private(set) var box: SimulatedEngine
    private var job: (any ClientJob)?
    private var restUntil: UInt64 = 0
    private(set) var isUp = true
    /// What is still to be done, before anything is drawn.
    var orders: [any ClientJob] = []
    private(set) var jobsDone = 0
    /// Blocks that were taken up again and sealed.
    var resumes = 0

    init(_ cluster: SimulatedCluster, number: Int, keys: [String]) {
        self.cluster = cluster
        self.number = number
        self.keys = keys
        name = "client\(number)"
        caller = SimulatedCaller(cluster, name: name)
        box = SimulatedEngine(
            cluster.world, node: name, sentPacketBytes: cluster.plan.packetBytes)
    }

    var now: UInt64 { cluster.world.time }
    var isIdle: Bool { job == nil && orders.isEmpty }

    // MARK: Life

    /// The process ends in the middle of whatever it does; what it was told stays told.
    func die() {
        guard isUp else { return }
        isUp = false
        caller.die()
        cluster.oracle.ended(client: name)
        cluster.world.kill(name)
        job = nil
        orders = []
    }

    /// Another process with the same duties, and nothing known of the first.
    func start() {
        precondition(!isUp, "a client starts once")
        isUp = true
        caller = SimulatedCaller(cluster, name: name)
        box = SimulatedEngine(
            cluster.world, node: name, sentPacketBytes: cluster.plan.packetBytes)
        restUntil = now
    }

    // MARK: Jobs

    private func next() -> (any ClientJob)? {
        if !orders.isEmpty { return orders.removeFirst() }
        guard cluster.hasLoad, now >= restUntil else { return nil }
        return drawJob()
    }

    private func drawJob() -> any ClientJob {
        if let plan = cluster.lateToken() { return BlockWriteJob(cluster, self, plan: plan) }
        let key = cluster.world.random.pick(keys)
        switch cluster.world.random.below(10) {
        case 0...4: return PutJob(cluster, self, key: key)
        case 5...7:
            return GetJob(
                cluster, self, key: cluster.world.random.pick(cluster.allKeys),
                isPart: cluster.world.random.below(3) == 0, mustSucceed: false)
        case 8: return DeleteJob(cluster, self, key: key)
        default:
            return RenameJob(
                cluster, self, from: key, to: cluster.world.random.pick(keys))
        }
    }

    // MARK: Time

    func turn() -> Bool {
        guard isUp else { return false }
        var isBusy = box.engine.turn(waitUntil: now) > 0
        while let event = box.engine.nextEvent() {
            isBusy = true
            job?.take(event)
        }
        if caller.turn() { isBusy = true }
        if job == nil, let begun = next() {
            job = begun
            isBusy = true
        }
        while let current = job {
            let isDone = current.step()
            if isDone || current.isOver { isBusy = true }
            guard current.isOver else {
                if isDone { continue }
                break
            }
            job = nil
            jobsDone += 1
            restUntil = now + cluster.world.random.pick(1_000_000...cluster.plan.longestRest)
        }
        return isBusy
    }

    var nextDeadline: UInt64? {
        guard isUp else { return nil }
        let rest = job == nil && cluster.hasLoad ? restUntil : nil
        return [
            box.engine.nextDeadline, caller.nextDeadline, job?.nextDeadline, rest,
        ].compactMap { $0 }.min()
    }
}
