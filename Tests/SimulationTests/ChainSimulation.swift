import DataPath
import Reactor
import Wire

/// One seeded run: a chain of datanodes and a writer in one thread, faults drawn from the seed.
struct ChainSimulation {
    enum Weather: CaseIterable {
        /// Delays, other orders, short counts, interruptions.
        case nuisances
        /// And connections that break.
        case brokenConnections
        /// And a device that fails.
        case failingDevice
    }

    struct Result {
        let end: SimulationDriver.End
        let breach: String?
        let isSealed: Bool
        let resumes: Int
        let steps: Int
        let leaked: String?
        let digest: UInt64
        let failures: [String]
        /// Connections that moved between the reactors of a node.
        let moves: Int
    }

    let seed: UInt64
    let weather: Weather

    func run() throws -> Result {
        let world = SimulatedWorld(seed: seed, faults: SimulationFaults())
        let rate = Double(world.random.below(20)) / 100
        let cluster = ClusterID(high: seed, low: 1)
        guard
            let key = SigningKey(
                id: KeyID(counter: 1, random: 2), secret: Array(repeating: 7, count: 32), made: 0)
        else { preconditionFailure("a key of 32 bytes") }
        let keys = KeyRing([key], current: key.id)
        let members = try (0..<3).map { index in
            try SimulatedNode(
                "node\(index)", host: "10.0.0.\(index + 1)", world: world, cluster: cluster,
                settings: Self.settings(&world.random), keys: keys,
                reactors: reactors(ofNode: index))
        }
        let length = UInt64([1, 4095, 4096, 65_537, 200_000, 400_123][world.random.below(6)])
        let packet = [700, 4096, 10_000, 65_536][world.random.below(length > 70_000 ? 4 : 4)]
        guard let chain = Chain(members.map(\.chainNode)) else {
            preconditionFailure("three nodes")
        }
        let token = Token(
            modes: .write, issued: 0, key: key.id, cluster: cluster, block: BlockID(seed | 1),
            epoch: Epoch(1), lease: LeaseID(high: 1, low: seed), chainHash: chain.hash,
            maxLength: length, duration: 3_600_000)
        let writer = try SimulatedWriter(
            world: world, token: token, key: key, chain: chain, length: length,
            packetBytes: max(packet, Int(length / 150) + 1),
            level: world.random.below(2) == 0 ? .written : .durable,
            resumesAllowed: weather == .nuisances ? 0 : 2 * Self.resumesUntilHealed)
        world.faults = faults(rate, &world.random)
        if weather == .failingDevice {
            world.disk(of: members[world.random.below(3)].name).faults = Self.failing(rate)
        }
        return finish(world, members, writer)
    }

    /// One to three, so that connections move on some nodes of some chains.
    private func reactors(ofNode index: Int) -> Int { Int((seed / (1 + UInt64(index))) % 3) + 1 }

    private func finish(
        _ world: SimulatedWorld, _ members: [SimulatedNode], _ writer: SimulatedWriter
    ) -> Result {
        let driver = SimulationDriver(world)
        for member in members { driver.add(member) }
        driver.add(writer)
        let checker = ChainChecker(members, writer, world)
        let end = driver.run(for: 3_600_000_000_000, rounds: 400_000) {
            checker.check()
            // The network heals at last: from there on the write must come to its end.
            if writer.resumes > Self.resumesUntilHealed { heal(world) }
            return checker.breach != nil || writer.isOver
        }
        if checker.breach == nil { checker.checkSealed() }
        world.faults = SimulationFaults()
        writer.stop()
        _ = driver.run(for: 60_000_000_000, rounds: 100_000)
        return Result(
            end: end, breach: checker.breach, isSealed: writer.seal != nil, resumes: writer.resumes,
            steps: checker.steps, leaked: leaks(members, writer), digest: world.digest,
            failures: writer.failures.map { "\($0)" },
            moves: members.reduce(0) { $0 + $1.moves })
    }

    /// Everything comes back when the world is quiet.
    private func leaks(_ members: [SimulatedNode], _ writer: SimulatedWriter) -> String? {
        for member in members {
            for reactor in member.reactors {
                let free = reactor.node.freeBuffers
                let open = reactor.node.openCounts
                if free.payload != Self.payloadBuffers || free.metadata != Self.metadataBuffers
                    || open.connections != 0
                {
                    return "\(member.name): \(free) buffers free, \(open) open"
                }
            }
        }
        return writer.isDrained ? nil : "the writer holds slots"
    }

    static let resumesUntilHealed = 20

    private func heal(_ world: SimulatedWorld) {
        world.faults.receive.rate = 0
        world.faults.send.rate = 0
        world.faults.connect.rate = 0
    }

    static let payloadBuffers = 40
    static let metadataBuffers = 3

    static func settings(_ random: inout SimulationRandom) -> DatanodeSettings {
        var settings = DatanodeSettings()
        settings.budget.connections = 32
        settings.budget.writeStreams = 8
        settings.budget.readStreams = 8
        settings.budget.packetBytes = Limits.chunkBytes
        settings.budget.readPacketBytes = Limits.chunkBytes
        settings.budget.payloadBuffers = payloadBuffers
        settings.budget.metadataBuffers = metadataBuffers
        settings.budget.framesPerStream = 4 + random.below(20)
        settings.budget.heldFramesPerStream = 2
        return settings
    }

    private func faults(_ rate: Double, _ random: inout SimulationRandom) -> SimulationFaults {
        var faults = SimulationFaults.nuisances(rate: rate)
        guard weather != .nuisances else { return faults }
        let broken = Double(random.below(10)) / 1_000
        faults.receive.rate = broken
        faults.send.rate = broken
        faults.connect.rate = broken * 10
        return faults
    }

    private static func failing(_ rate: Double) -> SimulationFaults {
        var faults = SimulationFaults.nuisances(rate: rate)
        faults.write.rate = 0.05
        faults.sync.rate = 0.2
        return faults
    }
}
