import Client
import Reactor
import Testing
import Wire

@testable import DataPath
@testable import Simulation

/// A cluster of one datanode with two devices, in which nothing happens by itself: what the tests
/// of one node's behaviour ask for.
struct OneNode {
    static let length = 200_000

    let cluster: SimulatedCluster
    var node: SimulatedDatanode { cluster.datanodes[0] }
    var datanode: SimulatedReactor { node.reactors[0] }
    var counters: DatanodeCounters { datanode.node.counters }

    /// - Parameters:
    ///   - old: sealed blocks that the node has, every third on the first device, so that it has
    ///     room for the next one.
    ///   - limit: changes the node's bounds.
    init(
        old: Int = 0, clients: Int = 1, plant: Plant? = nil, faults: [RingFault] = [],
        limit: @escaping @Sendable (inout Budget) -> Void = { _ in },
        adjust: (inout SimulationPlan) -> Void = { _ in }
    ) {
        cluster = SimulatedCluster(
            seed: 7, plant: plant,
            adjust: { plan in
                plan.bePeaceful()
                plan.nuisances = 0
                plan.slowMessages = 0
                plan.slowCommits = 0
                plan.datanodes = 1
                plan.replicas = 1
                plan.reactorsPerNode = [1]
                plan.devicesPerNode = [2]
                plan.clients = clients
                plan.keysPerClient = 1
                plan.lengths = [Self.length]
                plan.blockBytes = 256 << 10
                // As many as the window holds: all are sent before an ack of an earlier one comes.
                plan.packetBytes = 25_000
                plan.trickle = 0
                plan.flushes = [nil]
                plan.ringFaults = faults
                plan.adjustNodes = { limit(&$0.budget) }
                // Half of a page may be moved.
                plan.adjustWorld = { $0.directAlignment = 512 }
                adjust(&plan)
            })
        for number in 0..<old {
            put(BlockID(UInt64(number + 1) << 40), on: number % 3 == 0 ? 0 : 1)
        }
        cluster.start()
    }

    /// A sealed block of one byte, as an earlier process has left it.
    private func put(_ block: BlockID, on device: Int) {
        let header = BlockHeader(
            state: .sealed, sequence: 2, cluster: cluster.id, device: node.devices[device].id,
            block: block, epoch: Epoch(1), lease: LeaseID(high: 1, low: 1), length: 1,
            maxLength: 1, checksum: 0, inlineCount: 1, tableCount: 0, tableChecksum: 0)
        var bytes = [UInt8](repeating: 0, count: Int(BlockLayout.payloadOffset) + 1)
        bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return }
            header.encode(into: base + BlockLayout.headerBytes)
        }
        node.disks[device].put(bytes, at: "\(block).blk")
    }

    // MARK: What its clients do

    /// Writes one block by its token alone, on one stream.
    func write(_ number: UInt64, flushEvery: UInt64? = nil) throws -> BlockWriteJob {
        let job = try self.job(number, by: 0, flushEvery: flushEvery)
        run(job, on: 0)
        return job
    }

    /// The same, of any client, to be begun with the next turn.
    func begin(_ number: UInt64, by client: Int) throws -> BlockWriteJob {
        let job = try self.job(number, by: client, flushEvery: nil)
        cluster.clients[client].orders.append(job)
        return job
    }

    func job(
        _ number: UInt64, by client: Int, flushEvery: UInt64?,
        incarnation: NamespaceIncarnation = .unknown
    ) throws -> BlockWriteJob {
        let key = try #require(cluster.namenode.signingKey)
        let chain = try #require(
            Chain([ChainNode(node: node.identity.node, host: node.host, port: 7500)]))
        let token = Token(
            modes: .write, issued: 0, key: key.id, cluster: cluster.id, block: BlockID(number),
            epoch: Epoch(1), lease: LeaseID(high: 1, low: number), chainHash: chain.hash,
            maxLength: UInt64(Self.length), duration: 3_600_000, incarnation: incarnation)
        let signed = token.signed(with: key)
        let plan = BlockPlan(
            block: token.block, epoch: token.epoch, maxLength: token.maxLength,
            credentials: Credentials(token: signed, chain: chain), key: key.streamKey(of: signed))
        return BlockWriteJob(
            cluster, cluster.clients[client], plan: plan,
            value: SimulatedValue(seed: number, length: Self.length, durability: .durable),
            flushEvery: flushEvery)
    }

    /// Puts the key of the first client.
    func put() -> PutJob {
        let job = PutJob(cluster, cluster.clients[0], key: cluster.allKeys[0], mustSucceed: true)
        run(job, on: 0)
        return job
    }

    func get(by client: Int, isStalled: Bool = false) -> GetJob {
        let job = GetJob(
            cluster, cluster.clients[client], key: cluster.allKeys[0], isPart: false,
            mustSucceed: !isStalled, isStalled: isStalled)
        cluster.clients[client].orders.append(job)
        return job
    }

    func run(_ job: any ClientJob, on client: Int) {
        cluster.clients[client].orders.append(job)
        #expect(cluster.drive(for: 60_000_000_000) { job.isOver })
    }

    /// What the node has said of its blocks.
    func blocks(_ state: DataPath.BlockRecord.State) -> Int {
        node.log.reported.values.count { $0.state == state }
    }
}
