import Control
import Foundation
import System
import Testing
import Wire

@Suite("The namespace's database")
struct SQLiteEngineTests {
    private let chain = [NodeID(high: 0, low: 1), NodeID(high: 0, low: 2)]

    private func key(_ text: String) throws -> Key { try #require(Key(text)) }

    private func block(
        _ number: UInt64, _ value: UInt64, at position: UInt64 = 0,
        _ state: BlockInfo.State = .sealed
    ) -> BlockInfo {
        BlockInfo(
            block: BlockID(number), epoch: Epoch(3), value: ValueID(value), position: position,
            length: 77, checksum: 0xffff_fff0, state: state, chain: chain)
    }

    @Test func everythingIsThereAfterAKill() throws {
        try Scratch.with { scratch in
            let store = try scratch.store()
            let record = KeyRecord(value: ValueID(1), length: 77, createdUnixMs: -5)
            let lease = LeaseRecord(
                id: LeaseID(high: 5, low: 6), client: Desk.client(1), key: try key("open"),
                overwrite: true, value: ValueID(2), blocks: 2, listed: .written)
            let name = RequestName(client: Desk.client(1), request: 9)
            var generator = Seeded(1)
            var keys = SigningKeys(now: 0, rotationMs: 10, retiredMost: 5, using: &generator)
            for now in [20, 40, 60] as [Int64] { #expect(keys.rotate(now: now, using: &generator)) }
            try Scratch.commit(
                store,
                [
                    .setCounter(.block, 50), .setCounter(.value, 3), .setSigningKeys(keys.saved),
                    .putKey(try key("a"), record), .putBlock(block(1, 1)), .putLease(lease),
                    .putBlock(block(2, 2, at: 0, .open)), .putBlock(block(3, 2, at: 1, .open)),
                    .putBlock(block(4, 9, .doomed(since: 5, waiting: [chain[1]]))),
                    .putOutcome(name, sequence: 1, reply: [1, 2, 3]), .setCounter(.outcome, 2),
                ])
            // Applied and not committed: must not be there.
            try store.apply([.putKey(try key("b"), record)])
            let copy = try scratch.copy()
            let again = try copy.store(now: 1_000)
            #expect(again.key(try key("a")) == record)
            #expect(again.key(try key("b")) == nil)
            #expect(again.block(BlockID(1)) == block(1, 1))
            #expect(again.lease(lease.id) == lease)
            #expect(again.lease(writing: lease.key) == lease)
            #expect(again.leaseIDs == [lease.id])
            #expect(
                again.blocks(of: ValueID(2), holding: 0, limit: 9).map(\.block.number) == [2, 3])
            #expect(
                again.doomed(after: BlockID(0), limit: 9)
                    == [block(4, 9, .doomed(since: 1_000, waiting: [chain[1]]))])
            #expect(again.outcome(name) == [1, 2, 3])
            #expect(again.counter(.block) == 50)
            #expect(again.counter(.session) == 1)
            #expect(again.signingKeys == keys.saved)
            #expect(again.tally.keys == 1)
            #expect(again.tally.sealedBlocks == 1)
            try copy.remove()
        }
    }

    /// A state that another process made after this one was copied has the opening's number too: it
    /// must not pass for a part of this history.
    @Test func theOpeningsOwnCommitIsTheFirstOfItsProcess() throws {
        try Scratch.with { scratch in
            let store = try scratch.store()
            #expect(store.firstCommit == store.commits)
            try Scratch.commit(store, [.setCounter(.block, 2)])
            let last = store.commits
            let again = try scratch.copy().store()
            #expect(again.firstCommit == last + 1)
            #expect(again.commits == last + 1)
        }
    }

    @Test func readsSeeWhatIsOnItsWayAndSaySo() throws {
        try Scratch.with { scratch in
            let store = try scratch.store()
            let a = try key("a")
            let record = KeyRecord(value: ValueID(1), length: 77, createdUnixMs: 0)
            try store.apply([.setCounter(.block, 9), .putKey(a, record), .putBlock(block(1, 1))])
            try expect(store, record, isSettled: false) { $0.key(a) }
            try Scratch.commit(store)
            try expect(store, record, isSettled: true) { $0.key(a) }
            try expect(store, [block(1, 1)], isSettled: true) {
                $0.blocks(of: ValueID(1), holding: 0, limit: 9)
            }
            try store.apply([.removeKey(a)])
            try expect(store, nil, isSettled: false) { $0.key(a) }
            try expect(store, 0, isSettled: false) { $0.keys(from: Key(point: []), limit: 9).count }
        }
    }

    private func expect<Value: Equatable>(
        _ store: NamespaceOverlay, _ value: Value, isSettled: Bool,
        _ read: (NamespaceOverlay) -> Value
    ) throws {
        let found = try store.view(read)
        #expect(found.value == value)
        #expect(found.isSettled == isSettled)
    }

    @Test func keysOfAnotherRunOfTheKernelCheckReceiptsOnly() throws {
        try Scratch.with { scratch in
            var generator = Seeded(1)
            let keys = SigningKeys(now: 0, rotationMs: 10, retiredMost: 5, using: &generator)
            let store = try scratch.store(boot: "one")
            try Scratch.commit(store, [.setSigningKeys(keys.saved)])
            let copy = try scratch.copy()
            let saved = try #require(try copy.store(boot: "two").signingKeys)
            #expect(!saved.isOnThisClock)
            var resumed = SigningKeys(now: 3, rotationMs: 10, retiredMost: 5, using: &generator)
            resumed.resume(saved, now: 3, using: &generator)
            #expect(resumed.ring[keys.current.id] == nil)
            #expect(resumed.receiptKey(keys.current.id)?.secret == keys.current.secret)
            #expect(resumed.current.id.counter > keys.next.id.counter)
            try copy.remove()
        }
    }

    @Test func aBackupIsCheckedAndRestoredWithOtherNumbers() throws {
        try Scratch.with { scratch in
            let base = scratch.folder + "/nn"
            _ = try NamespaceDirectory.format(
                base, cluster: Desk.cluster, secret: Desk.secret, made: Date())
            let nn = Scratch(folder: base)
            let store = try nn.store()
            let record = KeyRecord(value: ValueID(1), length: 77, createdUnixMs: 0)
            try Scratch.commit(
                store,
                [.setCounter(.block, 9), .putKey(try key("a"), record), .putBlock(block(1, 1))])
            let answers = store.counter(.outcome)
            let backup = scratch.folder + "/backup"
            try NamespaceBackup.make(of: base, in: backup)
            #expect(try SQLiteEngine(backup).check().isEmpty)
            let restored = scratch.folder + "/restored"
            try NamespaceBackup.restore(backup, to: restored)
            #expect(throws: DirectoryFailure.exists(restored)) {
                try NamespaceBackup.restore(backup, to: restored)
            }
            let again = try Scratch(folder: restored).store()
            #expect(again.key(try key("a")) == record)
            #expect(again.counter(.block) >> 32 >= 1)
            #expect(again.counter(.block) & 0xffff_ffff == 1)
            #expect(again.counter(.outcome) == answers)
            var exported: [String] = []
            try SQLiteEngine(backup).export { key, _, blocks in
                exported.append("\(key) \(blocks.map(\.block.number))")
            }
            #expect(exported == ["a [1]"])
        }
    }

    @Test func aCountThatDoesNotFitIsFound() throws {
        try Scratch.with { scratch in
            let store = try scratch.store()
            // A key whose blocks are nowhere.
            let record = KeyRecord(value: ValueID(1), length: 77, createdUnixMs: 0)
            try Scratch.commit(store, [.putKey(try key("a"), record)])
            #expect(try scratch.engine.check().count == 1)
        }
    }

    @Test func itIsOneClustersDatabase() throws {
        try Scratch.with { scratch in
            #expect(throws: StoreFailure.self) {
                try scratch.engine.open(cluster: ClusterID(high: 1, low: 1), now: 0, boot: "")
            }
        }
    }
}
