import Control
import System
import Testing
import Wire

/// What the simulator rests on: the namespace in memory is as durable as the database is.
@Suite("The namespace in memory")
struct MemoryEngineTests {
    private let chain = [NodeID(high: 0, low: 1), NodeID(high: 0, low: 2)]

    private func key(_ text: String) throws -> Key { try #require(Key(text)) }

    private func block(
        _ number: UInt64, _ value: UInt64, _ state: BlockInfo.State = .sealed
    ) -> BlockInfo {
        BlockInfo(
            block: BlockID(number), epoch: Epoch(3), value: ValueID(value), position: 0,
            length: 77, checksum: 5, state: state, chain: chain)
    }

    private func record(_ value: UInt64) -> KeyRecord {
        KeyRecord(value: ValueID(value), length: 77, createdUnixMs: 0)
    }

    private var lease: LeaseRecord {
        LeaseRecord(
            id: LeaseID(high: 5, low: 6), client: Desk.client(1), key: Key(point: [111]),
            overwrite: true, value: ValueID(2), blocks: 1)
    }

    @Test func aCommitIsThereWhenItHasLanded() throws {
        let engine = MemoryEngine(landsAtOnce: false)
        let a = try key("a")
        for lands in [false, true] {
            let store = try engine.store()
            try store.apply([
                .setCounter(.block, 9), .putKey(a, record(1)), .putBlock(block(1, 1)),
            ])
            store.commit { _ in Issue.record("nothing is called back") }
            // Decisions see it all the while.
            #expect(store.key(a) == record(1))
            if lands { engine.land() }
            let again = try engine.store()
            #expect(again.key(a) == (lands ? record(1) : nil))
            #expect(again.block(BlockID(1)) == (lands ? block(1, 1) : nil))
            #expect(again.firstCommit == again.commits)
        }
        #expect(try engine.check().isEmpty)
    }

    @Test func aProcessFindsWhatTheOneBeforeItCommitted() throws {
        let engine = MemoryEngine()
        var generator = Seeded(1)
        let keys = SigningKeys(now: 0, rotationMs: 10, retiredMost: 5, using: &generator)
        let name = RequestName(client: Desk.client(1), request: 9)
        let store = try engine.store(boot: "one")
        try Scratch.commit(
            store,
            [
                .setCounter(.block, 50), .setSigningKeys(keys.saved),
                .putKey(try key("a"), record(1)), .putBlock(block(1, 1)), .putLease(lease),
                .putBlock(block(2, 2, .open)),
                .putBlock(block(4, 9, .doomed(since: 5, waiting: [chain[1]]))),
                .putOutcome(name, sequence: 1, reply: [1, 2]), .setCounter(.outcome, 2),
            ])
        #expect(store.block(BlockID(4)) == block(4, 9, .doomed(since: 5, waiting: [chain[1]])))
        let again = try engine.store(now: 1_000, boot: "two")
        #expect(again.commits == store.commits + 1)
        #expect(again.key(try key("a")) == record(1))
        #expect(again.blocks(of: ValueID(2), holding: 0, limit: 9) == [block(2, 2, .open)])
        #expect(again.lease(lease.id) == lease)
        #expect(again.outcome(name) == [1, 2])
        #expect(again.nodeIDs == chain)
        #expect(again.tally == store.tally)
        #expect(
            again.doomed(after: BlockID(0), limit: 9)
                == [block(4, 9, .doomed(since: 1_000, waiting: [chain[1]]))])
        // Their times are of another run of the kernel.
        #expect(again.signingKeys?.isOnThisClock == false)
        #expect(try engine.store(boot: "one").signingKeys?.isOnThisClock == true)
    }

    @Test func whatIsLaterIsGivenUpWithOtherNumbers() throws {
        let engine = MemoryEngine()
        let store = try engine.store()
        try Scratch.commit(
            store,
            [
                .setCounter(.block, 9), .putKey(try key("a"), record(1)), .putBlock(block(1, 1)),
                .putLease(lease), .putBlock(block(2, 2, .open)),
            ])
        let copy = MemoryEngine()
        try engine.copy(to: copy)
        var generator = Seeded(1)
        try copy.giveUpLater(using: &generator)
        #expect(try copy.check().isEmpty)
        let again = try copy.store()
        #expect(again.key(try key("a")) == record(1))
        #expect(again.leaseIDs.isEmpty)
        #expect(again.block(BlockID(2)) == nil)
        #expect(again.counter(.block) >> 32 >= 1)
        #expect(again.firstCommit > engine.commits)
        #expect(try engine.store().leaseIDs == [lease.id])
    }

    @Test func aKeyWithoutItsBlocksIsFound() throws {
        let engine = MemoryEngine()
        try Scratch.commit(try engine.store(), [.putKey(try key("a"), record(1))])
        #expect(try engine.check().count == 1)
    }
}
