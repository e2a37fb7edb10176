import Reactor
import Testing
import Wire

@testable import DataPath

/// D2, D3: a device that fails a write or a sync is out of service at once and for good; the node
/// says so, its blocks there count as lost, and new ones go to the other device.
struct DeviceFailureTests {
    private final class Log: BlockObserver {
        var states: [BlockID: BlockRecord.State] = [:]
        var failed: [Int] = []
        func blockChanged(_ block: BlockID, _ record: BlockRecord) { states[block] = record.state }
        func reportCompleted(_ report: UInt64) {}
        func count(_ counters: DatanodeCounters) {}
        func deviceFailed(_ device: Int, _ reason: String) { failed.append(device) }
    }

    private final class Node: SimulationParticipant {
        var datanode: Datanode<SimulatedRing>
        init(_ datanode: consuming Datanode<SimulatedRing>) { self.datanode = datanode }
        func turn() -> Bool { datanode.turn(waitUntil: datanode.reactor.now) > 0 }
        var nextDeadline: UInt64? { datanode.reactor.timers.nextDeadline }
    }

    private let world = SimulatedWorld(seed: 7, faults: SimulationFaults())
    private let cluster = ClusterID(high: 7, low: 1)
    private let identity = NodeID(high: 1, low: 1)
    private let log = Log()
    private static let old = 3_000

    private func key() throws -> SigningKey {
        try #require(
            SigningKey(
                id: KeyID(counter: 1, random: 2), secret: Array(repeating: 7, count: 32), made: 0))
    }

    /// A node with two devices; the first has `old` sealed blocks, and room for the next one.
    private func node() throws -> Node {
        var ring = world.makeRing(node: "node")
        let address = try #require(SocketAddress(host: "10.0.0.1", port: 7500))
        let devices = ["data", "more"].enumerated().map { place, path in
            Device(
                id: DeviceID(high: 1, low: UInt64(place)), path: path,
                blocks: ring.openDirectory(path), isDirect: true, usedBytes: UInt64(place))
        }
        var index = BlockIndex()
        for number in 1...Self.old {
            index.set(
                BlockID(UInt64(number)),
                BlockRecord(
                    epoch: Epoch(1), length: 1, checksum: 0, state: .sealed,
                    device: number % 3 == 0 ? 1 : 0))
        }
        var random = world.random
        var settings = ChainSimulation.settings(&random)
        settings.budget.framesPerStream = 8
        let listener = try ring.listen(on: address, backlog: 16)
        let datanode = try Datanode(
            ring: ring, listener: listener, identity: Identity(cluster: cluster, node: identity),
            settings: settings, devices: devices, index: index, observer: log)
        let key = try key()
        let answer = datanode.mail.post(.keys(KeyRing([key], current: key.id)))
        #expect(answer == .taken)
        return Node(datanode)
    }

    private func writer(_ block: UInt64, flushEvery: UInt64? = nil) throws -> SimulatedWriter {
        let chain = try #require(
            Chain([ChainNode(node: identity, host: "10.0.0.1", port: 7500)]))
        let key = try key()
        let token = Token(
            modes: .write, issued: 0, key: key.id, cluster: cluster, block: BlockID(block),
            epoch: Epoch(1), lease: LeaseID(high: 1, low: block), chainHash: chain.hash,
            maxLength: 200_000, duration: 3_600_000)
        return try SimulatedWriter(
            world: world, block: token.block, epoch: token.epoch,
            credentials: Credentials(token: token.signed(with: key), chain: chain),
            length: 200_000, packetBytes: 20_000, level: .durable, resumesAllowed: 0,
            flushEvery: flushEvery)
    }

    private func run(_ node: Node, _ writer: SimulatedWriter) {
        let driver = SimulationDriver(world)
        driver.add(node)
        driver.add(writer)
        let end = driver.run(for: 60_000_000_000, rounds: 100_000) { writer.isOver }
        #expect(end == .done)
        writer.stop()
        _ = driver.run(for: 60_000_000_000, rounds: 100_000)
    }

    @Test(arguments: [true, false])
    func aFailedDeviceIsOutOfService(atFlush: Bool) throws {
        let node = try node()
        var broken = SimulationFaults()
        broken.sync.rate = 1
        world.disk(of: "node", directory: "data").faults = broken
        let first = try writer(900_001, flushEvery: atFlush ? 1 : nil)
        run(node, first)
        #expect(first.seal == nil && first.acked.durable == 0, "nothing it covered is acked")
        #expect(first.failures.map(\.status) == [.deviceFailed])
        #expect(log.failed == [0])
        let lost = log.states.filter { $0.value == .lost }
        #expect(lost.count == Self.old - Self.old / 3 + 1, "its blocks, and the one in hand")

        // The disk works again; the device stays out of service.
        world.disk(of: "node", directory: "data").faults = nil
        let second = try writer(900_002, flushEvery: atFlush ? 1 : nil)
        run(node, second)
        #expect(second.seal != nil)
        #expect(world.disk(of: "node", directory: "more").bytes(of: "\(second.block).blk") != nil)
        #expect(log.failed == [0])
    }

    @Test func aNodeWithoutADeviceTakesNoWritesAndStays() throws {
        let node = try node()
        var broken = SimulationFaults()
        broken.sync.rate = 1
        for directory in ["data", "more"] {
            world.disk(of: "node", directory: directory).faults = broken
        }
        for block in 900_001...900_002 as ClosedRange<UInt64> { run(node, try writer(block)) }
        #expect(log.failed.sorted() == [0, 1])
        for directory in ["data", "more"] {
            world.disk(of: "node", directory: directory).faults = nil
        }
        let third = try writer(900_003)
        run(node, third)
        #expect(third.failures.map(\.status) == [.deviceFailed])
        #expect(!world.disk(of: "node", directory: "data").files.contains("\(third.block).blk"))
    }
}
