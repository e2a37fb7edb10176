import Glibc
import Reactor
import Testing
import Wire

@testable import DataPath

/// D2, D3: a device that fails a write or a sync is out of service at once and for good; the node
/// says so, its blocks there count as lost, and new ones go to the other device.
struct DeviceFailureTests {
    private static let old = 3_000

    @Test(arguments: [true, false])
    func aFailedDeviceIsOutOfService(atFlush: Bool) throws {
        let scene = try DeviceScene(old: Self.old)
        let log = scene.log
        var broken = SimulationFaults()
        broken.sync.rate = 1
        scene.disk("data").faults = broken
        let first = try scene.writer(900_001, flushEvery: atFlush ? 1 : nil)
        scene.run(first)
        #expect(first.seal == nil && first.acked.durable == 0, "nothing it covered is acked")
        #expect(first.failures.map(\.status) == [.deviceFailed])
        #expect(log.failed == [0])
        let lost = log.states.filter { $0.value == .lost }
        #expect(lost.count == Self.old - Self.old / 3 + 1, "its blocks, and the one in hand")

        // The disk works again; the device stays out of service.
        scene.disk("data").faults = nil
        let second = try scene.writer(900_002, flushEvery: atFlush ? 1 : nil)
        scene.run(second)
        #expect(second.seal != nil)
        #expect(scene.disk("more").bytes(of: "\(second.block).blk") != nil)
        #expect(log.failed == [0])
    }

    @Test func aNodeWithoutADeviceTakesNoWritesAndStays() throws {
        let scene = try DeviceScene()
        var broken = SimulationFaults()
        broken.sync.rate = 1
        for directory in ["data", "more"] { scene.disk(directory).faults = broken }
        for block in 900_001...900_002 as ClosedRange<UInt64> {
            scene.run(try scene.writer(block))
        }
        #expect(scene.log.failed.sorted() == [0, 1])
        for directory in ["data", "more"] { scene.disk(directory).faults = nil }
        let third = try scene.writer(900_003)
        scene.run(third)
        #expect(third.failures.map(\.status) == [.deviceFailed])
        #expect(!scene.disk("data").files.contains("\(third.block).blk"))
    }

    /// The header that says whose bytes follow, a flush's, a seal's, and the bytes themselves.
    @Test(arguments: [
        OperationKind.writeOpenHeader, .writeFlushHeader, .writeSealHeader, .writeData,
    ])
    func aDeviceThatNeverTakesAWholePageHasFailed(kind: OperationKind) throws {
        let scene = try DeviceScene(faults: [
            RingFault(kind: kind.rawValue, moment: .begin, action: .short, first: 1, repeats: true)
        ])
        let writer = try scene.writer(900_001, flushEvery: kind == .writeFlushHeader ? 1 : nil)
        scene.run(writer)
        #expect(writer.failures.map(\.status) == [.deviceFailed])
        #expect(scene.log.failed == [0])
        #expect(scene.node.datanode.openCounts.streams == 0)
    }

    /// Inside a header copy, and inside a page of the payload: read by a writer that comes back to
    /// its sealed block and sends it again.
    @Test(arguments: [5_000, 8_192, 8_192 + 150_000])
    func aSealedBlockWhoseFileWasCutIsCorrupt(at length: Int) throws {
        let scene = try DeviceScene()
        let first = try scene.writer(900_001)
        scene.run(first)
        #expect(first.seal != nil)
        let name = Device.name(of: first.block)
        let file = try #require(scene.disk("data").bytes(of: name))
        scene.disk("data").put(Array(file.prefix(length)), at: name)
        let again = try scene.writer(900_001)
        scene.run(again)
        #expect(again.seal == nil)
        #expect(again.failures.map(\.status) == [.corrupt])
        #expect(scene.log.corrupt == [first.block: "its file is too short"])
        #expect(scene.log.states[first.block] == .corrupt)
        #expect(scene.log.failed == [], "the device did what it was asked")
        let free = scene.node.datanode.freeBuffers
        #expect(free.payload == ChainSimulation.payloadBuffers)
        #expect(free.metadata == ChainSimulation.metadataBuffers)
    }

    /// A writer comes back to its sealed block, and the block's file cannot be opened: the node
    /// says so and goes on.
    @Test(arguments: [(ENOENT, Status.mayBeLost), (EMFILE, .busy)])
    func aSealedBlockWhoseFileCannotBeOpenedIsRefused(errno: Int32, status: Status) throws {
        let scene = try DeviceScene(faults: [
            RingFault(
                kind: OperationKind.openFile.rawValue, moment: .begin,
                action: .fail(errno: errno), first: 2)
        ])
        let first = try scene.writer(900_001)
        scene.run(first)
        #expect(first.seal != nil)
        let again = try scene.writer(900_001)
        scene.run(again)
        #expect(again.failures.map(\.status) == [status])
        #expect(scene.node.datanode.openCounts.streams == 0)
        let third = try scene.writer(900_001)
        scene.run(third)
        #expect(third.seal != nil, "the next time it can be opened")
    }
}
