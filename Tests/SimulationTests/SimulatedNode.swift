import DataPath
import Reactor
import Wire

/// A datanode on a simulated ring, as one actor of a simulation.
final class SimulatedNode: SimulationParticipant {
    let name: String
    let identity: Identity
    let chainNode: ChainNode
    var node: Datanode<SimulatedRing>
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
        settings: DatanodeSettings, keys: KeyRing
    ) throws {
        self.name = name
        var ring = world.makeRing(node: name)
        let blocks = ring.openDirectory("data")
        var generator = world.random
        let id = NodeID(using: &generator)
        world.random = generator
        identity = Identity(cluster: cluster, node: id)
        let device = Device(
            id: DeviceID(high: id.low, low: id.high), path: "data", blocks: blocks, isDirect: true,
            usedBytes: 0)
        guard let address = SocketAddress(host: host, port: 7500) else {
            preconditionFailure("a numeric address")
        }
        let log = BlockLog()
        self.log = log
        let listener = try ring.listen(on: address, backlog: 1024)
        node = try Datanode(
            ring: ring, listener: listener, identity: identity, settings: settings,
            devices: [device], index: BlockIndex(), observer: log)
        chainNode = ChainNode(node: id, host: host, port: 7500)
        precondition(node.mail.post(.keys(keys)) == .taken, "an empty mailbox takes a message")
    }

    func turn() -> Bool { node.turn(waitUntil: node.reactor.now) > 0 }
    var nextDeadline: UInt64? { node.reactor.timers.nextDeadline }
}
