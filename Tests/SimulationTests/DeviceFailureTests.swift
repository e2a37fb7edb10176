import Glibc
import Reactor
import Testing
import Wire

@testable import DataPath
@testable import Simulation

/// D2, D3: a device that fails a write or a sync is out of service at once and for good; the node
/// says so, its blocks there count as lost, and new ones go to the other device.
struct DeviceFailureTests {
    private static let old = 3_000
    private static var broken: SimulationFaults {
        var faults = SimulationFaults()
        faults.sync.rate = 1
        return faults
    }

    @Test(arguments: [true, false])
    func aFailedDeviceIsOutOfService(atFlush: Bool) throws {
        let scene = OneNode(old: Self.old)
        scene.node.disks[0].faults = Self.broken
        let first = try scene.write(900_001, flushEvery: atFlush ? 1 : nil)
        #expect(first.seal == nil && first.acked.durable == 0, "nothing it covered is acked")
        #expect(first.failure?.status == .deviceFailed)
        #expect(scene.node.log.failedDevices == [0])
        // A thousand a turn.
        _ = scene.cluster.drive(for: 1_000_000_000) { scene.blocks(.lost) > Self.old / 3 }
        #expect(scene.blocks(.lost) == Self.old / 3 + 1, "its blocks, and the one in hand")

        // The disk works again; the device stays out of service.
        scene.node.disks[0].faults = nil
        let second = try scene.write(900_002, flushEvery: atFlush ? 1 : nil)
        #expect(second.seal != nil)
        #expect(scene.node.disks[1].bytes(of: "\(second.block).blk") != nil)
        #expect(scene.node.log.failedDevices == [0])
    }

    @Test func aNodeWithoutADeviceTakesNoWritesAndStays() throws {
        let scene = OneNode()
        for disk in scene.node.disks { disk.faults = Self.broken }
        for block in 900_001...900_002 as ClosedRange<UInt64> { _ = try scene.write(block) }
        #expect(scene.node.log.failedDevices.sorted() == [0, 1])
        for disk in scene.node.disks { disk.faults = nil }
        let third = try scene.write(900_003)
        #expect(third.failure?.status == .deviceFailed)
        #expect(scene.node.disk(of: third.block) == nil)
    }

    /// The header that says whose bytes follow, a flush's, a seal's, and the bytes themselves.
    @Test(arguments: [
        OperationKind.writeOpenHeader, .writeFlushHeader, .writeSealHeader, .writeData,
    ])
    func aDeviceThatNeverTakesAWholePageHasFailed(kind: OperationKind) throws {
        let scene = OneNode(faults: [
            RingFault(kind: kind.rawValue, moment: .begin, action: .short, first: 1, repeats: true)
        ])
        let write = try scene.write(900_001, flushEvery: kind == .writeFlushHeader ? 1 : nil)
        #expect(write.failure?.status == .deviceFailed)
        #expect(scene.node.log.failedDevices == [0])
        scene.cluster.rest()
        #expect(scene.cluster.oracle.breach == nil)
    }

    /// Inside a header copy, and inside a page of the payload: read by a writer that comes back to
    /// its sealed block and sends it again.
    @Test(arguments: [5_000, 8_192, 8_192 + 150_000])
    func aSealedBlockWhoseFileWasCutIsCorrupt(at length: Int) throws {
        let scene = OneNode()
        let first = try scene.write(900_001)
        #expect(first.seal != nil)
        let name = "\(first.block).blk"
        let disk = try #require(scene.node.disk(of: first.block))
        let file = try #require(disk.bytes(of: name))
        disk.put(Array(file.prefix(length)), at: name)
        let again = try scene.write(900_001)
        #expect(again.seal == nil)
        #expect(again.failure?.status == .corrupt)
        #expect(scene.node.log.corrupt == [first.block: "its file is too short"])
        #expect(scene.node.reported(first.block)?.state == .corrupt)
        #expect(scene.node.log.failedDevices == [], "the device did what it was asked")
        scene.cluster.rest()
        #expect(scene.cluster.oracle.breach == nil)
    }

    /// A writer comes back to its sealed block, and the block's file cannot be opened: the node
    /// says so and goes on.
    @Test(arguments: [(ENOENT, Status.mayBeLost), (EMFILE, .busy)])
    func aSealedBlockWhoseFileCannotBeOpenedIsRefused(errno: Int32, status: Status) throws {
        let scene = OneNode(faults: [
            RingFault(
                kind: OperationKind.openFile.rawValue, moment: .begin,
                action: .fail(errno: errno), first: 2)
        ])
        let first = try scene.write(900_001)
        #expect(first.seal != nil)
        let again = try scene.write(900_001)
        #expect(again.failure?.status == status)
        let isOver = scene.cluster.drive(for: 1_000_000_000) {
            scene.datanode.node.openCounts.streams == 0
        }
        #expect(isOver)
        let third = try scene.write(900_001)
        #expect(third.seal != nil, "the next time it can be opened")
    }

    /// Streams end while their syncs wait for a place: no sync of theirs was begun, and that says
    /// nothing of the device.
    @Test func aSyncThatWasNeverBegunSaysNothingOfItsDevice() throws {
        let scene = OneNode(
            clients: 40,
            limit: { budget in
                budget.connections = 128
                budget.writeStreams = 64
                budget.payloadBuffers = 128
            },
            adjust: { plan in
                plan.devicesPerNode = [1]
                plan.adjustWorld = {
                    $0.directAlignment = 512
                    $0.syncLatency = 1_000_000_000
                }
            })
        for client in 0..<40 { _ = try scene.begin(900_001 + UInt64(client), by: client) }
        let isFull = scene.cluster.drive(for: 10_000_000_000) {
            scene.datanode.node.writes.files.syncs.waiting(on: 0) > 0
        }
        #expect(isFull, "more syncs than there are places")
        #expect(scene.datanode.node.mail.post(Mail.stop) == .taken)
        #expect(scene.cluster.drive(for: 60_000_000_000) { scene.datanode.node.isIdle })
        #expect(scene.node.log.failedDevices == [])
    }
}
