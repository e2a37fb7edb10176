import DataPath
import Reactor
import Wire

/// What one seed's cluster is like, all drawn from the seed: so that some runs are calm where
/// others storm, and bugs that hide behind other faults get their chance (swarm testing, Groce et
/// al., ISSTA 2012).
package struct SimulationPlan: Sendable {
    package var datanodes = 4
    package var replicas = 3
    package var reactorsPerNode: [Int] = []
    package var devicesPerNode: [Int] = []
    package var clients = 2
    package var keysPerClient = 3
    package var lengths: [Int] = []
    package var blockBytes = 64 << 10
    package var packetBytes = 16 << 10
    /// Of every nuisance: delays, short counts, other orders.
    package var nuisances = 0.0
    /// Of broken connections.
    package var breaks = 0.0
    /// A control message takes long.
    package var slowMessages = 0.0
    /// A commit takes long; one fails.
    package var slowCommits = 0.0
    package var failingCommits = 0.0
    /// The one node whose disk may damage what it keeps; promises rest on the others.
    package var victim: Int?
    package var victimFaults = SimulationFaults()
    package var flipsPerCycle = 0
    /// Nanoseconds of load in a cycle.
    package var loadTime: UInt64 = 2_000_000_000
    /// Nanoseconds a client rests after a job, at most.
    package var longestRest: UInt64 = 100_000_000
    /// Nanoseconds between the pieces of a value that is put.
    package var trickle: UInt64 = 0
    /// After how many bytes a put asks for durability; one of these is drawn.
    package var flushes: [UInt64?] = [nil, nil, 1, 3_000, 30_000]
    /// Violent events in a cycle.
    package var eventsPerCycle = 3
    /// A cycle may end with a power cut of everything.
    package var cutsPower = true
    /// Nothing breaks: no stream may fail.
    package var isGentle = false
    /// Impostors at dead datanodes' addresses in a cycle; `nil`: one in every other.
    package var impostorsPerCycle: Int?
    /// Impostors at a dead namenode's address in a cycle.
    package var impostorNamenodesPerCycle = 0
    /// Clients come back to blocks of theirs that were deleted.
    package var hasLateWriters = false
    /// When in a cycle's load the namespace is copied, as a share of it; the copy is started in
    /// place of the newest one when there is peace again. Early, it is an older namespace; late, it
    /// is the newest one whose log has lost its end.
    package var copyAt: Double?
    /// Of every datanode's rings.
    package var ringFaults: [RingFault] = []
    /// What a datanode's settings are, other than usual.
    package var adjustNodes: @Sendable (inout DatanodeSettings) -> Void = { _ in }
    /// Changes the world's sizes and times.
    package var adjustWorld: @Sendable (inout SimulationSettings) -> Void = { _ in }

    package init(using random: inout SimulationRandom) {
        replicas = random.below(4) == 0 ? 2 : 3
        datanodes = replicas + random.below(3)
        reactorsPerNode = (0..<datanodes).map { _ in random.below(4) == 0 ? 2 : 1 }
        devicesPerNode = (0..<datanodes).map { _ in random.below(4) == 0 ? 2 : 1 }
        clients = 1 + random.below(3)
        keysPerClient = 1 + random.below(4)
        let all = [0, 1, 511, 4_096, 9_000, 65_535, 65_536, 65_537, 100_003, 150_000]
        lengths = (0..<4).map { _ in random.pick(all) }
        blockBytes = random.pick([64 << 10, 128 << 10])
        packetBytes = random.pick([4_096, 5_000, 16 << 10, 64 << 10])
        nuisances = random.pick([0, 0, 0.01, 0.05])
        breaks = random.pick([0, 0, 0.001, 0.005])
        slowMessages = random.pick([0, 0.02, 0.2])
        slowCommits = random.pick([0, 0.02, 0.2])
        failingCommits = random.pick([0, 0, 0, 0.005])
        longestRest = random.pick([20_000_000, 200_000_000, 500_000_000])
        drawVictim(&random)
        eventsPerCycle = random.below(6)
        // Beside the others' draws, which mean what they meant.
        var aside = random
        copyAt = aside.pick([nil, nil, nil, 0.2, 0.5, 0.98])
        trickle = aside.pick([0, 0, 0, 2_000_000, 20_000_000])
    }

    private mutating func drawVictim(_ random: inout SimulationRandom) {
        guard random.below(2) == 0 else { return }
        victim = random.below(datanodes)
        flipsPerCycle = random.below(4)
        victimFaults = .nuisances(rate: nuisances)
        victimFaults.misdirectedWriteRate = random.pick([0, 0, 0.01])
        victimFaults.write.rate = random.pick([0, 0, 0.005])
        victimFaults.sync.rate = random.pick([0, 0, 0.05])
        victimFaults.read.rate = random.pick([0, 0, 0.01])
    }

    /// The victim's disk may hold other bytes than those it took.
    var damagesBytes: Bool { flipsPerCycle > 0 || victimFaults.misdirectedWriteRate > 0 }

    /// The weather of a cycle's load.
    package var faults: SimulationFaults {
        var faults = SimulationFaults.nuisances(rate: nuisances)
        faults.receive.rate = breaks
        faults.send.rate = breaks
        faults.connect.rate = breaks
        return faults
    }

    /// Small pools, so that many nodes fit and bounds are met.
    package var datanodeSettings: DatanodeSettings {
        var settings = DatanodeSettings()
        settings.checksInvariants = true
        settings.budget.connections = 32
        settings.budget.writeStreams = 12
        settings.budget.readStreams = 12
        settings.budget.packetBytes = Limits.chunkBytes
        settings.budget.readPacketBytes = Limits.chunkBytes
        settings.budget.payloadBuffers = 24
        settings.budget.metadataBuffers = 3
        settings.budget.framesPerStream = 12
        settings.budget.heldFramesPerStream = 2
        settings.progressTimeout = 2_000_000_000
        settings.streamIdleTimeout = 10_000_000_000
        settings.idleTimeout = 10_000_000_000
        adjustNodes(&settings)
        return settings
    }
}
