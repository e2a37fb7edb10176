import DataPath
import Reactor
import Simulation
import System
import Wire

/// A datanode with a simulated ring for each of its reactors, as one actor of a simulation.
final class SimulatedNode: SimulationParticipant {
    let name: String
    let identity: Identity
    let chainNode: ChainNode
    let device: DeviceID
    let reactors: [SimulatedReactor]
    /// The last that was said of each block.
    var reported: [BlockID: BlockRecord] { log.reported }
    private let log: BlockLog

    /// What the datanode reports; apart, because the datanode is made before its owner.
    final class BlockLog: BlockObserver {
        var reported: [BlockID: BlockRecord] = [:]
        func blockChanged(_ block: BlockID, _ record: BlockRecord) { reported[block] = record }
        func reportCompleted(_ report: UInt64) {}
        func count(_ counters: DatanodeCounters) {}
    }

    init(
        _ name: String, host: String, world: SimulatedWorld, cluster: ClusterID,
        settings: DatanodeSettings, keys: KeyRing, reactors count: Int = 1,
        spare: RecycledFiles.File? = nil
    ) throws {
        self.name = name
        var first = world.makeRing(node: name)
        let blocks = first.openDirectory("data")
        var generator = world.random
        let id = NodeID(using: &generator)
        world.random = generator
        identity = Identity(cluster: cluster, node: id)
        var recycled = RecycledFiles(mostBytes: 1 << 30)
        if let spare, !recycled.add(spare) { preconditionFailure("there is room for one") }
        let device = Device(
            id: DeviceID(high: id.low, low: id.high), path: "data", blocks: blocks, isDirect: true,
            usedBytes: 0, recycled: recycled)
        self.device = device.id
        guard let address = SocketAddress(host: host, port: 7500) else {
            preconditionFailure("a numeric address")
        }
        let log = BlockLog()
        self.log = log
        let listener = try first.listen(on: address, backlog: 1024)
        var reactors = [
            SimulatedReactor(
                try Datanode(
                    ring: first, listener: listener, identity: identity, settings: settings,
                    devices: [device], index: BlockIndex(), observer: log,
                    share: ReactorShare(number: 0, of: count)))
        ]
        for number in 1..<count {
            reactors.append(
                SimulatedReactor(
                    try Datanode(
                        ring: world.makeRing(node: name), listener: listener, identity: identity,
                        settings: settings, devices: [device], index: BlockIndex(), observer: log,
                        share: ReactorShare(number: number, of: count))))
        }
        self.reactors = reactors
        chainNode = ChainNode(node: id, host: host, port: 7500)
        let doors = reactors.compactMap { $0.node.door }
        for reactor in reactors {
            if count > 1 { reactor.node.join(doors) }
            let answer = reactor.node.mail.post(.keys(keys))
            precondition(answer == .taken, "an empty mailbox takes a message")
        }
    }

    func inspect(_ block: BlockID) -> BlockInspection? {
        reactors[Int(block.number % UInt64(reactors.count))].node.inspect(block)
    }

    /// Connections that moved from one reactor to another.
    var moves: Int {
        reactors.reduce(0) { $0 + Int($1.node.counters.connectionsMoved) }
    }

    func turn() -> Bool {
        var isBusy = false
        for reactor in reactors where reactor.node.turn(waitUntil: reactor.node.reactor.now) > 0 {
            isBusy = true
        }
        return isBusy
    }

    var nextDeadline: UInt64? {
        reactors.compactMap { $0.node.reactor.timers.nextDeadline }.min()
    }
}
