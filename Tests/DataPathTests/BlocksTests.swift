import Reactor
import TestSupport
import Testing
import Wire

@testable import DataPath

/// What a reactor knows of its blocks, and what it tells the agent of them.
struct BlocksTests {
    private final class Log: BlockObserver {
        var told: [(block: BlockID, state: BlockRecord.State)] = []
        var failed: [Int] = []
        var reasons: [String] = []
        func blockChanged(_ block: BlockID, _ record: BlockRecord) {
            told.append((block, record.state))
        }
        func reportCompleted(_ report: UInt64) {}
        func count(_ counters: DatanodeCounters) {}
        func deviceFailed(_ device: Int, _ reason: String) { failed.append(device) }
        func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {
            reasons.append(reason)
        }
    }

    private let log = Log()

    /// The macro takes no values that cannot be copied.
    private func check(
        _ holds: Bool, _ comment: Comment? = nil, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(holds, comment, sourceLocation: location)
    }

    private func record(
        _ state: BlockRecord.State = .sealed, device: Int = 0, length: UInt64 = 100
    ) -> BlockRecord {
        BlockRecord(epoch: Epoch(3), length: length, checksum: 0, state: state, device: device)
    }

    /// Two devices; the second one has more bytes.
    private func blocks(_ count: UInt64 = 0) -> Blocks {
        var index = BlockIndex()
        for number in 0..<count { index.set(BlockID(number + 1), record()) }
        let devices = (0..<2).map { place in
            Device(
                id: DeviceID(high: 1, low: UInt64(place)), path: "data.\(place)", blocks: .plain(0),
                isDirect: true, usedBytes: UInt64(place) * 1_000,
                recycled: RecycledFiles(mostBytes: 1 << 20))
        }
        return Blocks(devices, index, log)
    }

    @Test func aNewBlockGoesWhereFewestBytesAre() {
        var blocks = blocks()
        check(blocks.chooseDevice(10) == 0)
        blocks.use(2_000, on: 0)
        check(blocks.chooseDevice(10) == 1)
        blocks.free(1_500, on: 0)
        check(blocks.chooseDevice(10) == 0)
        blocks.free(9_999, on: 0)
        check(blocks.devices[0].usedBytes == 0, "no more is freed than is used")
        blocks.filled(0)
        check(blocks.chooseDevice(10) == 1)
        check(blocks.fail(1, reason: "it is broken"))
        check(blocks.chooseDevice(10) == nil)
    }

    @Test func onlyASealedBlockIsCondemnedAndOnce() {
        var blocks = blocks()
        blocks.record(BlockID(1), record())
        blocks.record(BlockID(2), record(.open))
        check(blocks.condemn(BlockID(1), .tooShort))
        check(!blocks.condemn(BlockID(1), .tooShort) && !blocks.condemn(BlockID(2), .tooShort))
        check(!blocks.condemn(BlockID(3), .tooShort))
        check(blocks[BlockID(1)]?.state == .corrupt && blocks.devices[0].corruptBlocks == 1)
        check(log.reasons == ["its file is too short"])
    }

    @Test func whatIsBeingDeletedIsNobodysAndThenGone() {
        var blocks = blocks()
        blocks.record(BlockID(1), record())
        blocks.use(100, on: 0)
        blocks.beginDeletion(of: BlockID(1))
        check(blocks.isDying(BlockID(1)) && !blocks.condemn(BlockID(1), .tooShort))
        blocks.finishDeletion(of: BlockID(1), record(), isRemembered: true)
        check(blocks[BlockID(1)] == nil && !blocks.isDying(BlockID(1)))
        check(blocks.devices[0].usedBytes == 0 && log.told.last?.state == .gone)
        check(blocks.remembersDeleted(BlockID(1), Epoch(3)))
        check(!blocks.remembersDeleted(BlockID(1), Epoch(4)), "a newer one may come")
        blocks.checkInvariants()
    }

    @Test func aFailedDevicesBlocksAreToldToBeLostTurnByTurn() {
        var blocks = blocks(1_500)
        blocks.record(BlockID(9_000), record(device: 1))
        log.told = []
        check(blocks.fail(0, reason: "it is broken"))
        check(!blocks.fail(0, reason: "again"), "it is told once")
        check(log.failed == [0] && blocks.owesFailure(of: 0) && !blocks.owesFailure(of: 1))
        blocks.toldFailure(of: 0)
        check(!blocks.owesFailure(of: 0))
        blocks.tellLosses()
        check(log.told.count == 1_024 && blocks.hasLosses)
        blocks.tellLosses()
        check(log.told.count == 1_500 && !blocks.hasLosses)
        check(log.told.allSatisfy { $0.state == .lost })
        check(blocks[BlockID(9_000)]?.state == .sealed)
    }

    @Test func spareFilesMakeWayLargestFirst() {
        var blocks = blocks()
        for pages in [3, 9, 6] as [UInt32] {
            let spare = RecycledFiles.File(number: UInt64(pages), pages: pages)
            check(blocks.addSpare(spare, to: 0))
        }
        check(blocks.takeSpareForRoom(of: 0) == nil && !blocks.wantsRoom, "there is no need")
        blocks.filled(0)
        check(blocks.wantsRoom)
        var pages: [UInt32] = []
        while let spare = blocks.takeSpareForRoom(of: 0) { pages.append(spare.pages) }
        check(pages == [9, 6, 3])
        blocks.madeRoom()
        check(!blocks.wantsRoom)
        blocks.gainedRoom(on: 0)
        check(blocks.chooseDevice(10) == 0)
    }
}
