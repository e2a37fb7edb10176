import Glibc
import Reactor
import Testing
import Wire

@testable import DataPath
@testable import Simulation

/// What a node has for a stream comes back, whatever the stream ends in.
struct LetGoTests {
    /// The namenode wants the block to go while its spare file is being renamed, and the name is
    /// taken.
    @Test func aSpareFileIsThereAgainWhenItsStreamEndsAndItsRenameFails() throws {
        let scene = OneNode()
        let first = try scene.write(900_001)
        let disk = try #require(scene.node.disk(of: first.block))
        scene.node.post(.delete(Deletion(block: first.block, epoch: Epoch(1))))
        #expect(scene.cluster.drive(for: 1_000_000_000) { scene.spares == 1 })

        let second = BlockID(900_002)
        disk.put([0], at: "\(second).blk")
        _ = try scene.begin(second.number, by: 0)
        #expect(
            scene.cluster.drive(for: 1_000_000_000) { scene.datanode.node.openCounts.streams == 1 })
        #expect(scene.spares == 0, "it is on its way to the new block")
        scene.node.post(.delete(Deletion(block: second, epoch: Epoch(1))))
        #expect(
            scene.cluster.drive(for: 1_000_000_000) { scene.datanode.node.openCounts.streams == 0 })
        #expect(scene.spares == 1)
        #expect(disk.bytes(of: RecycledFiles.name(first.block.number)) != nil)
    }

    /// Where a file cannot be renamed without replacing another, a block takes a file of its own.
    @Test func aSpareFileThatCannotBeUsedGoesAndTheBlockTakesRoom() throws {
        let scene = OneNode(faults: [
            RingFault(
                kind: OperationKind.renameSpare.rawValue, moment: .begin,
                action: .fail(errno: EINVAL), first: 1, repeats: true)
        ])
        let first = try scene.write(900_001)
        let disk = try #require(scene.node.disk(of: first.block))
        scene.node.post(.delete(Deletion(block: first.block, epoch: Epoch(1))))
        #expect(scene.cluster.drive(for: 1_000_000_000) { scene.spares == 1 })
        _ = try scene.begin(900_002, by: 0)
        #expect(scene.cluster.drive(for: 1_000_000_000) { scene.owed > 0 })
        #expect(
            scene.cluster.drive(for: 1_000_000_000) {
                disk.bytes(of: RecycledFiles.name(first.block.number)) == nil
            })
        #expect(scene.spares == 0)
    }

    /// A namespace that went on without a block never says that it is to go.
    @Test func aBlockOfAnotherNamespaceIsGivenUpWhenItsWriterStaysAway() throws {
        let scene = OneNode()
        let current = try #require(scene.cluster.namenode.incarnation)
        for (number, incarnation, isGivenUp) in [
            (900_001, NamespaceIncarnation(current.number &+ 1), true), (900_002, current, false),
            (900_003, .unknown, false),
        ] as [(UInt64, NamespaceIncarnation, Bool)] {
            let job = try scene.job(number, by: 0, flushEvery: nil, incarnation: incarnation)
            let open = scene.datanode.node.openCounts.streams
            scene.cluster.clients[0].orders.append(job)
            #expect(
                scene.cluster.drive(for: 10_000_000_000) {
                    scene.datanode.node.openCounts.streams > open
                })
            scene.cluster.clients[0].die()
            for _ in 0..<40 where scene.datanode.node.openCounts.streams > open {
                scene.node.post(.settled(current))
                _ = scene.cluster.drive(for: 1_000_000_000) { false }
            }
            let isGone = scene.datanode.node.openCounts.streams == open
            #expect(isGone == isGivenUp)
            #expect(scene.node.reported(job.block)?.state == (isGivenUp ? .mayBeLost : .open))
            scene.cluster.clients[0].start()
        }
    }

    /// While the node is fenced no writer can show that it is alive.
    @Test func theSilenceOfAFencedNodeIsNotItsWriters() throws {
        let scene = OneNode()
        let (current, _) = try scene.openBlockOfAnotherStart()
        let second: UInt64 = 1_000_000_000
        scene.cluster.clients[0].die()
        scene.node.post(.settled(current))
        scene.node.post(.fenced(true))
        let span = scene.datanode.node.core.settings.streamIdleTimeout
        _ = scene.cluster.drive(for: 2 * span) { false }
        scene.node.post(.fenced(false))
        scene.node.post(.settled(current))
        _ = scene.cluster.drive(for: second) { false }
        #expect(scene.datanode.node.openCounts.streams == 1)
        for _ in 0..<40 where scene.datanode.node.openCounts.streams == 1 {
            scene.node.post(.settled(current))
            _ = scene.cluster.drive(for: second) { false }
        }
        #expect(scene.datanode.node.openCounts.streams == 0)
    }

    /// Its namenode may have been started again while it wrote.
    @Test func aBlockOfAnotherStartIsWrittenToItsEnd() throws {
        let scene = OneNode()
        let (current, job) = try scene.openBlockOfAnotherStart()
        scene.node.post(.settled(current))
        #expect(scene.cluster.drive(for: 10_000_000_000) { job.isOver })
        #expect(job.seal != nil)
    }
}

extension OneNode {
    /// A block that is being written, and was given out by another start of the namenode than the
    /// current one.
    fileprivate func openBlockOfAnotherStart() throws -> (
        current: NamespaceIncarnation, job: BlockWriteJob
    ) {
        let current = try #require(cluster.namenode.incarnation)
        let job = try job(
            900_001, by: 0, flushEvery: nil,
            incarnation: NamespaceIncarnation(current.number &+ 1))
        cluster.clients[0].orders.append(job)
        #expect(cluster.drive(for: 10_000_000_000) { datanode.node.openCounts.streams == 1 })
        return (current, job)
    }

    /// Bytes that open blocks may still take of fresh files.
    fileprivate var owed: UInt64 {
        datanode.node.devices.indices.reduce(0) { $0 + datanode.node.writes.owed(to: $1) }
    }
    /// Spare files of all devices.
    fileprivate var spares: Int { datanode.node.devices.reduce(0) { $0 + $1.recycled.count } }
}
