import Reactor
import System
import Testing
import Wire

@testable import DataPath

/// The scrub on simulated rings: a node that nobody writes to or reads from, faults and damage
/// drawn from the seed, virtual time.
@Suite("Scrub on the simulated ring", .serialized)
struct ScrubSimulationTests {
    static let hour: UInt64 = 3_600_000_000_000

    /// Takes turns with every reactor of one node.
    private final class Node: SimulationParticipant {
        final class Box {
            var node: Datanode<SimulatedRing>
            init(_ node: consuming Datanode<SimulatedRing>) { self.node = node }
        }

        final class Log: BlockObserver {
            var corrupt: [BlockID: String] = [:]
            func blockChanged(_ block: BlockID, _ record: BlockRecord) {}
            func reportCompleted(_ report: UInt64) {}
            func count(_ counters: DatanodeCounters) {}
            func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {
                corrupt[block] = reason
            }
        }

        let boxes: [Box]
        let log = Log()

        init(_ world: SimulatedWorld, _ samples: [SampleBlock], reactors: Int, share: Int) throws {
            var settings = DatanodeSettings()
            settings.budget.connections = 4
            settings.budget.writeStreams = 2
            settings.budget.readStreams = 2
            settings.budget.packetBytes = Limits.chunkBytes
            settings.budget.readPacketBytes = Limits.chunkBytes
            settings.budget.payloadBuffers = 32
            settings.budget.metadataBuffers = 3
            settings.scrubPeriod = ScrubSimulationTests.hour
            settings.scrubShare = share
            var index = BlockIndex()
            for sample in samples { index.set(sample.block, sample.record) }
            let address = try #require(SocketAddress(host: "10.0.0.1", port: 7500))
            var listener: (Descriptor, SocketAddress)?
            let log = log
            boxes = try (0..<reactors).map { number in
                var ring = world.makeRing(node: "node")
                let blocks = ring.openDirectory("data")
                let listening = try listener ?? ring.listen(on: address, backlog: 8)
                listener = listening
                let share = ReactorShare(number: number, of: reactors)
                return Box(
                    try Datanode(
                        ring: ring, listener: listening,
                        identity: Identity(
                            cluster: SampleBlock.cluster, node: NodeID(high: 1, low: 1)),
                        settings: settings,
                        devices: [
                            Device(
                                id: SampleBlock.device, path: "data", blocks: blocks,
                                isDirect: true, usedBytes: 0)
                        ],
                        index: share.part(of: index, devices: 1).index, observer: log,
                        share: share))
            }
        }

        func turn() -> Bool {
            var isBusy = false
            for box in boxes where box.node.turn(waitUntil: box.node.reactor.now) > 0 {
                isBusy = true
            }
            return isBusy
        }

        var nextDeadline: UInt64? {
            boxes.compactMap { $0.node.reactor.timers.nextDeadline }.min()
        }

        var progress: [ScrubProgress] { boxes.flatMap { $0.node.scrubProgress } }
        var isLeakFree: Bool {
            boxes.allSatisfy {
                $0.node.freeBuffers.payload == 32 && $0.node.freeBuffers.metadata == 3
            }
        }

        func post(_ mail: Mail) {
            for box in boxes {
                let answer = box.node.mail.post(mail)
                precondition(answer == .taken, "an empty mailbox takes a message")
            }
        }
    }

    private struct Scene {
        let world: SimulatedWorld
        let node: Node
        var samples: [SampleBlock]
        var bad: Set<BlockID> = []

        init(seed: UInt64, share: Int = 5) throws {
            world = SimulatedWorld(
                seed: seed, faults: .nuisances(rate: Double(seed % 5) / 20))
            var random = world.random
            samples = (0..<40).map { number in
                SampleBlock(
                    UInt64(number + 1), length: 1 + random.below(100_000), using: &random)
            }
            world.random = random
            for sample in samples {
                world.disk(of: "node").put(sample.file, at: Device.name(of: sample.block))
            }
            node = try Node(
                world, samples, reactors: 1 + Int(seed % 3), share: share)
        }

        /// Turns a bit over in about every fourth block, and puts files in others' places.
        mutating func damage() {
            let disk = world.disk(of: "node")
            for sample in samples where world.random.below(4) == 0 {
                let range = sample.covered[world.random.below(2)]
                disk.flipBit(
                    of: Device.name(of: sample.block),
                    at: range.lowerBound + world.random.below(range.count))
                bad.insert(sample.block)
            }
            let one = samples[world.random.below(samples.count)]
            let two = samples[world.random.below(samples.count)]
            guard one.block != two.block, !bad.contains(one.block), !bad.contains(two.block) else {
                return
            }
            disk.put(two.file, at: Device.name(of: one.block))
            bad.insert(one.block)
        }
    }

    @Test(arguments: 1...UInt64(8))
    func everyBlockIsMetWithinThePeriodAndTheBadOnesAreFound(seed: UInt64) throws {
        var scene = try Scene(seed: seed)
        scene.damage()
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        // The last of a period is for the block that is being read.
        let end = driver.run(for: Self.hour, rounds: 200_000) {
            scene.node.progress.allSatisfy { $0.passes >= 1 }
        }
        #expect(end == .done, "seed \(seed): \(scene.node.progress)")
        #expect(Set(scene.node.log.corrupt.keys) == scene.bad, "seed \(seed)")
        let blocks = scene.node.progress.reduce(0) { $0 + $1.blocks }
        #expect(blocks >= UInt64(scene.samples.count), "seed \(seed)")
        #expect(scene.node.progress.reduce(0) { $0 + $1.bad } == UInt64(scene.bad.count))
        // Pieces of the next pass may be on their way: let them come back.
        scene.node.post(.stop)
        _ = driver.run(for: Self.hour, rounds: 10_000) {
            scene.node.boxes.allSatisfy { $0.node.isIdle }
        }
        #expect(scene.node.isLeakFree, "seed \(seed)")
    }

    @Test(arguments: 1...UInt64(6))
    func whatIsAskedForIsReadAtOnce(seed: UInt64) throws {
        var scene = try Scene(seed: seed, share: 100)
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        _ = driver.run(for: 1_000_000_000, rounds: 10_000)
        #expect(scene.node.log.corrupt.isEmpty)
        scene.damage()
        scene.node.post(.scrub(nil))
        // A hundredth of the period: the pace alone would not have come far.
        let bad = scene.bad
        let end = driver.run(for: Self.hour / 100, rounds: 200_000) {
            Set(scene.node.log.corrupt.keys) == bad
        }
        #expect(end == .done, "seed \(seed): \(scene.node.log.corrupt.count) of \(bad.count)")
    }

    @Test func anUnreadableFileAndAShortOneAreCorruptAndOthersGoOn() throws {
        let scene = try Scene(seed: 5, share: 100)
        let disk = scene.world.disk(of: "node")
        let short = scene.samples[3]
        disk.put(
            Array(short.file[..<(Int(BlockLayout.payloadOffset) + 1)]),
            at: Device.name(of: short.block))
        disk.put([1, 2, 3], at: Device.name(of: scene.samples[4].block))
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        scene.node.post(.scrub(nil))
        _ = driver.run(for: Self.hour / 50, rounds: 200_000) {
            scene.node.progress.allSatisfy { $0.passes >= 1 }
        }
        #expect(Set(scene.node.log.corrupt.keys) == [short.block, scene.samples[4].block])
    }

    @Test func aPassGoesOnWhereTheProcessBeforeStood() throws {
        let scene = try Scene(seed: 3)
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        scene.node.post(
            .scrubFrom([
                ScrubCursor(device: 0, reactor: 0, reactors: 1, after: BlockID(21), passes: 7)
            ]))
        _ = driver.run(for: Self.hour, rounds: 200_000) { scene.node.progress[0].passes == 8 }
        #expect(scene.node.progress[0].passes == 8)
        // Numbers 22 to 40.
        #expect(scene.node.progress[0].blocks == 19)
    }
}
