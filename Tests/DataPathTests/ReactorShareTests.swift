import Metrics
import Reactor
import Testing
import Wire

@testable import DataPath

@Suite struct ReactorShareTests {
    private func record(_ length: UInt64, device: Int) -> BlockRecord {
        BlockRecord(epoch: Epoch(1), length: length, checksum: 0, state: .sealed, device: device)
    }

    @Test func everyBlockIsInExactlyOneShare() {
        var index = BlockIndex()
        for number in UInt64(0)..<30 {
            index.set(BlockID(number), record(number, device: Int(number % 2)))
        }
        let parts = (0..<3).map { ReactorShare(number: $0, of: 3).part(of: index, devices: 2) }
        #expect(parts.map { $0.index.records.count } == [10, 10, 10])
        for number in UInt64(0)..<30 {
            let holders = parts.indices.filter { parts[$0].index[BlockID(number)] != nil }
            #expect(holders == [Int(number % 3)])
        }
        let used = parts.reduce(into: [UInt64(0), 0]) { sum, part in
            for device in sum.indices { sum[device] += part.usedBytes[device] }
        }
        #expect(used == [210, 225])
    }

    @Test func theOnlyShareIsWhole() {
        #expect(ReactorShare.whole.isWhole)
        #expect(ReactorShare.whole.owner(of: BlockID(.max)) == 0)
        #expect(ReactorShare(number: 1, of: 2).owner(of: BlockID(.max)) == 1)
    }

    @Test func aDoorLetsInAsManyAsItHasPlacesFor() {
        let door = ReactorDoor(
            mail: Mailbox(capacity: 1, waker: RingWaker()),
            arrivals: Mailbox(capacity: 1, waker: RingWaker()), places: 2)
        #expect(door.reserve())
        #expect(door.reserve())
        #expect(!door.reserve())
        #expect(!door.reserve())
        door.release()
        #expect(door.reserve())
        #expect(!door.reserve())
    }

    @Test func aReportIsCompleteWhenEveryReactorHasNamedItsBlocks() {
        let outbox = Outbox(reactors: 2)
        let old = outbox.beginReport()
        outbox.reportCompleted(old)
        let report = outbox.beginReport()
        // The answer to the report before, which was overtaken.
        outbox.reportCompleted(old)
        outbox.blockChanged(BlockID(1), record(5, device: 0))
        outbox.reportCompleted(report)
        #expect(!outbox.take(10).isComplete)
        outbox.blockChanged(BlockID(2), record(5, device: 0))
        outbox.reportCompleted(report)
        let batch = outbox.take(10)
        #expect(batch.changes.map(\.block) == [BlockID(2)])
        #expect(batch.isComplete)
    }

    @Test func countsOfReactorsAreAdded() {
        let outbox = Outbox(reactors: 2)
        // Every field set to one: whatever is forgotten in the sum stays at 0.
        var ones = DatanodeCounters()
        withUnsafeMutableBytes(of: &ones) { bytes in
            for word in bytes.bindMemory(to: UInt64.self).indices {
                bytes.storeBytes(of: 1, toByteOffset: word * 8, as: UInt64.self)
            }
        }
        ones.reactor = 0
        outbox.count(ones)
        ones.reactor = 1
        outbox.count(ones)
        #expect(outbox.counters.reactor == 0)
        for sample in DatanodeCounters.metrics.samples(of: outbox.counters) {
            #expect(sample.value == .number(2), "\(sample.name)")
        }
    }
}
