import Control
import Reactor

/// What breaks in a cycle, and when: drawn at its beginning, done in its turn.
final class SimulatedChaos: SimulationParticipant {
    enum Action {
        case killDatanode(Int)
        case cutPower(Int)
        /// The datanode is killed, and somebody else answers at its address.
        case impostor(Int)
        case startDatanode(Int)
        case endNamenode(power: Bool)
        case startNamenode
        /// The namenode is killed, and somebody else answers at its address.
        case impostorNamenode
        case powerOff
        case killClient(Int)
        case startClient(Int)
        case cut(String, String, isOneWay: Bool)
        case heal(String, String)
        case delay(String, String, UInt64)
        case reset(String, String)
        case breakLines(String)
        case jumpWallClock
        case flipBit
        case copyNamespace
    }

    private unowned let cluster: SimulatedCluster
    private var actions: [(time: UInt64, action: Action)] = []
    private(set) var crashes = 0
    /// Of the namespace, as it was at a moment of this cycle's load.
    var copy: MemoryEngine?

    /// Apart from all other draws, so that a seed's other faults are the same with and without.
    private var impostors: SimulationRandom

    init(_ cluster: SimulatedCluster) {
        self.cluster = cluster
        impostors = SimulationRandom(seed: ~cluster.world.seed)
    }

    private var world: SimulatedWorld { cluster.world }

    // MARK: Planning

    func plan(_ cycle: Int) {
        let span = cluster.plan.loadTime
        for _ in 0..<cluster.plan.eventsPerCycle {
            let time = world.time + world.random.pick(0...span)
            for action in draw() { add(action.action, at: time + action.after) }
        }
        for _ in 0..<(cluster.plan.impostorsPerCycle ?? impostors.below(2)) {
            let node = impostors.below(cluster.datanodes.count)
            let time = world.time + impostors.pick(0...span)
            add(.impostor(node), at: time)
            add(.startDatanode(node), at: time + impostors.pick(200_000_000...2_500_000_000))
        }
        for _ in 0..<cluster.plan.impostorNamenodesPerCycle {
            let time = world.time + impostors.pick(0...span)
            add(.impostorNamenode, at: time)
            add(.startNamenode, at: time + impostors.pick(200_000_000...1_200_000_000))
        }
        for _ in 0..<cluster.plan.flipsPerCycle {
            add(.flipBit, at: world.time + world.random.pick(0...span))
        }
        if let share = cluster.plan.copyAt {
            add(.copyNamespace, at: world.time + UInt64(Double(span) * share))
        }
        // Durability shows when everybody loses power at once.
        if cluster.plan.cutsPower, world.random.below(2) == 0 {
            add(.powerOff, at: world.time + span - 1)
        }
    }

    private func add(_ action: Action, at time: UInt64) {
        let place = actions.firstIndex { $0.time > time } ?? actions.count
        actions.insert((time, action), at: place)
    }

    /// One thing that breaks, and what mends it a while later.
    private func draw() -> [(after: UInt64, action: Action)] {
        let pause = world.random.pick(20_000_000...2_500_000_000)
        let node = world.random.below(cluster.datanodes.count)
        switch world.random.below(13) {
        case 0, 1: return [(0, .killDatanode(node)), (pause, .startDatanode(node))]
        case 2, 3: return [(0, .cutPower(node)), (pause, .startDatanode(node))]
        case 4: return [(0, .endNamenode(power: false)), (pause / 2, .startNamenode)]
        case 5: return [(0, .endNamenode(power: true)), (pause / 2, .startNamenode)]
        case 6: return drawAll(pause)
        case 7:
            let client = world.random.below(cluster.clients.count)
            return [(0, .killClient(client)), (pause / 4, .startClient(client))]
        case 8, 9:
            let (one, other) = drawPair()
            let isOneWay = world.random.below(2) == 0
            return [(0, .cut(one, other, isOneWay: isOneWay)), (pause, .heal(one, other))]
        case 10:
            let (one, other) = drawPair()
            let extra = world.random.pick(1_000_000...30_000_000)
            return [(0, .delay(one, other, extra)), (pause, .delay(one, other, 0))]
        case 11:
            let (one, other) = drawPair()
            return [(0, .reset(one, other)), (0, .breakLines(one))]
        default: return [(0, .jumpWallClock)]
        }
    }

    private func drawAll(_ pause: UInt64) -> [(after: UInt64, action: Action)] {
        if world.random.below(2) == 0 {
            return [(0, .powerOff), (pause / 2, .startNamenode)]
                + cluster.datanodes.indices.map { (pause, .startDatanode($0)) }
        }
        return cluster.datanodes.indices.flatMap { node -> [(after: UInt64, action: Action)] in
            [(0, .killDatanode(node)), (pause, .startDatanode(node))]
        }
    }

    private func drawPair() -> (String, String) {
        var names = cluster.datanodes.map(\.name) + cluster.clients.map(\.name)
        names.append(SimulatedNamenode.name)
        let one = names.remove(at: world.random.below(names.count))
        return (one, world.random.pick(names))
    }

    /// What is still to come does not come any more.
    func end() { actions = [] }

    // MARK: Doing

    func turn() -> Bool {
        var isBusy = false
        while let next = actions.first, next.time <= world.time {
            actions.removeFirst()
            isBusy = true
            apply(next.action)
        }
        return isBusy
    }

    var nextDeadline: UInt64? { actions.first?.time }

    private func apply(_ action: Action) {
        cluster.note([50], "chaos: \(action)")
        switch action {
        case .killDatanode(let number): end(number, power: false)
        case .cutPower(let number): end(number, power: true)
        case .impostor(let number):
            end(number, power: false)
            cluster.datanodes[number].giveUpAddress()
        case .startDatanode(let number):
            if !cluster.datanodes[number].isUp { cluster.datanodes[number].start() }
        case .endNamenode(let power): endNamenode(power: power)
        case .impostorNamenode:
            endNamenode(power: false)
            cluster.namenode.giveUpAddress()
        case .startNamenode: if !cluster.namenode.isUp { cluster.namenode.start() }
        case .powerOff:
            endNamenode(power: true)
            for number in cluster.datanodes.indices { end(number, power: true) }
        case .killClient(let number): cluster.clients[number].die()
        case .startClient(let number):
            if !cluster.clients[number].isUp { cluster.clients[number].start() }
        default: disturb(action)
        }
    }

    private func disturb(_ action: Action) {
        switch action {
        case .cut(let one, let other, isOneWay: true): world.cut(from: one, to: other)
        case .cut(let one, let other, isOneWay: false): world.cut(one, other)
        case .heal(let one, let other): world.heal(one, other)
        case .delay(let one, let other, let extra): world.delay(from: one, to: other, by: extra)
        case .reset(let one, let other): world.reset(one, other)
        case .breakLines(let name): cluster.network.breakLines(of: name)
        case .jumpWallClock:
            let jump = Int64(world.random.pick(0...20 * 365 * 86_400_000))
            cluster.wallClock += jump - 10 * 365 * 86_400_000
        case .flipBit: flipBit()
        case .copyNamespace: copy = cluster.namenode.copy()
        default: break
        }
    }

    private func end(_ number: Int, power: Bool) {
        let node = cluster.datanodes[number]
        if power { cluster.ledger.cuts += 1 }
        guard node.isUp else {
            // Power also takes what a process that ended before had not synced.
            if power { node.end(power: true) }
            return
        }
        crashes += 1
        node.end(power: power)
    }

    private func endNamenode(power: Bool) {
        guard cluster.namenode.isUp else { return }
        crashes += 1
        cluster.namenode.end(power: power)
    }

    private func flipBit() {
        guard let victim = cluster.plan.victim else { return }
        let disk = world.random.pick(cluster.datanodes[victim].disks)
        let files = disk.files.filter { (disk.size(of: $0) ?? 0) > 0 }
        guard !files.isEmpty else { return }
        let file = world.random.pick(files)
        disk.flipBit(of: file, at: world.random.below(disk.size(of: file) ?? 1))
    }
}
