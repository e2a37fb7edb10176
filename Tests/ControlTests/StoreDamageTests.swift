import Control
import Foundation
import System
import Testing
import Wire

/// M3: files that were cut, changed or taken away. A store opens with the state of some commit, or
/// says which file is damaged; reading it gives that state or a failure, never another answer.
@Suite("M3: damaged files")
struct StoreDamageTests {
    /// What the namespace held after each commit: keys and their values.
    private typealias State = [String: UInt64]

    private static let commits = 40

    /// Fills a namespace whose database is partly in the main file and partly in the WAL.
    private func fill(_ scratch: Scratch, keepingWAL: Bool) throws -> [State] {
        var store = try scratch.store()
        var generator = Seeded(5)
        var history = NamespaceHistory()
        history.begin(firstCommit: 1, using: &generator)
        try store.apply([.setHistory(history)])
        var states: [State] = [[:]]
        var state: State = [:]
        for commit in 1...Self.commits {
            if commit == Self.commits / 2 {
                try store.close()
                store = try scratch.store()
            }
            var mutations: [Mutation] = [.setCounter(.block, UInt64(commit) * 100 + 100)]
            for number in 0..<20 {
                let name =
                    "key/\(number * 7 % 20)/\(commit % 9)/" + String(repeating: "x", count: 99)
                let value = UInt64(commit * 100 + number)
                let key = try #require(Key(name))
                if let old = state[name] { mutations.append(.removeBlock(BlockID(old))) }
                state[name] = value
                mutations += [
                    .putKey(
                        key, KeyRecord(value: ValueID(value), length: 5, createdUnixMs: 0)),
                    .putBlock(
                        BlockInfo(
                            block: BlockID(value), epoch: Epoch(1), value: ValueID(value),
                            position: 0, length: 5, state: .sealed,
                            chain: [NodeID(high: 0, low: 1)])),
                ]
            }
            try Scratch.commit(store, mutations)
            states.append(state)
        }
        if !keepingWAL { try store.close() }
        return states
    }

    private enum Found: Equatable {
        case refused(String)
        case state([String: UInt64])
    }

    private func look(_ scratch: Scratch) -> Found {
        do {
            let store = try scratch.store()
            var state: State = [:]
            let strange = try store.view { store -> String? in
                for (key, record) in store.keys(from: Key(point: []), limit: .max) {
                    let blocks = store.blocks(of: record.value, holding: 0, limit: 9)
                    guard blocks.map(\.block.number) == [record.value.number] else {
                        return "key \(key) has blocks \(blocks)"
                    }
                    state[key.description] = record.value.number
                }
                return nil
            }
            return strange.value.map { .refused($0) } ?? .state(state)
        } catch let failure as StoreFailure {
            return .refused(failure.reason)
        } catch {
            return .refused("unexpected: \(error)")
        }
    }

    private func check(
        _ scratch: Scratch, _ states: [State], _ what: String, file: String,
        _ damage: (Scratch) throws -> Void
    ) throws -> Bool {
        let copy = try scratch.copy()
        try damage(copy)
        let found = look(copy)
        try copy.remove()
        switch found {
        case .state(let state):
            #expect(states.contains(state), "\(what): \(state.count) keys of no commit")
            return false
        case .refused(let reason):
            #expect(reason.contains(file), "\(what): \(reason)")
            return true
        }
    }

    private func edit(_ path: String, _ change: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        change(&data)
        try data.write(to: URL(fileURLWithPath: path))
    }

    @Test func aFlippedBitInTheDatabaseIsFound() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: false)
            var generator = Seeded(3)
            let size = try Data(contentsOf: URL(fileURLWithPath: scratch.database)).count
            var refused = 0
            for _ in 0..<150 {
                let offset = Int.random(in: 0..<size, using: &generator)
                let isRefused = try check(
                    scratch, states, "flip at \(offset)", file: "namespace.db"
                ) { copy in
                    try edit(copy.database) { $0[offset] ^= 1 << UInt8(offset % 8) }
                }
                if isRefused { refused += 1 }
            }
            // What is not refused lies in pages that no read of keys and blocks comes to.
            #expect(refused > 100, "of 150")
            let last = try #require(states.last)
            #expect(try !check(scratch, [last], "undamaged", file: "namespace.db") { _ in })
        }
    }

    @Test func aCutDatabaseIsRefused() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: false)
            let size = try Data(contentsOf: URL(fileURLWithPath: scratch.database)).count
            for length in stride(from: 0, to: size, by: 3_001) {
                let isRefused = try check(
                    scratch, states, "cut at \(length)", file: "namespace.db"
                ) { copy in try edit(copy.database) { $0 = $0.prefix(length) } }
                #expect(isRefused, "cut at \(length)")
            }
        }
    }

    /// The end of the log is known from a second place.
    @Test func aCutWALHasLostNothingOrIsRefused() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: true)
            let size = try Data(contentsOf: URL(fileURLWithPath: scratch.wal)).count
            for length in stride(from: 0, to: size, by: 20_011) {
                _ = try check(
                    scratch, states.suffix(1), "cut at \(length)", file: "namespace.db"
                ) { copy in try edit(copy.wal) { $0 = $0.prefix(length) } }
            }
        }
    }

    @Test func aFlippedBitInTheWALIsFound() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: true)
            let size = try Data(contentsOf: URL(fileURLWithPath: scratch.wal)).count
            for offset in stride(from: 5, to: size, by: 17_011) {
                _ = try check(
                    scratch, states.suffix(1), "flip at \(offset)", file: "namespace.db-wal"
                ) { copy in try edit(copy.wal) { $0[offset] ^= 4 } }
            }
        }
    }

    @Test func aMissingWALIsMissed() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: true)
            let isRefused = try check(scratch, states, "no WAL", file: "namespace.db-wal") { copy in
                try FileManager.default.removeItem(atPath: copy.wal)
            }
            #expect(isRefused)
        }
    }

    @Test func anEndOfTheLogThatIsMissingOrDamagedIsRefused() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: true)
            let end = "namespace.end"
            for damage in [nil, "", String(repeating: "x", count: 1_024)] {
                let isRefused = try check(scratch, states, "end", file: end) { copy in
                    if let damage {
                        try edit("\(copy.folder)/\(end)") { $0 = Data(damage.utf8) }
                    } else {
                        try FileManager.default.removeItem(atPath: "\(copy.folder)/\(end)")
                    }
                }
                #expect(isRefused)
            }
            // One of its two slots is as good as both, but for the newest commit.
            for slot in [0, 512] {
                let isRefused = try check(scratch, states.suffix(1), "slot", file: end) { copy in
                    try edit("\(copy.folder)/\(end)") { $0[slot + 8] ^= 1 }
                }
                #expect(!isRefused)
            }
        }
    }

    @Test func aForeignFileIsRefused() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: false)
            for text in ["", "SQLite format 3\0", String(repeating: "no database ", count: 900)] {
                let isRefused = try check(scratch, states, text, file: "namespace.db") { copy in
                    try edit(copy.database) { $0 = Data(text.utf8) }
                }
                #expect(isRefused)
            }
        }
    }

    @Test func pagesInEachOthersPlaceAreFound() throws {
        try Scratch.with { scratch in
            let states = try fill(scratch, keepingWAL: false)
            let isRefused = try check(scratch, states, "swap", file: "namespace.db") { copy in
                try edit(copy.database) { data in
                    let count = data.count / 4_096
                    for page in 2..<count / 2 {
                        let (one, two) = (page * 4_096, (count - page) * 4_096)
                        let kept = data[one..<one + 4_096]
                        data.replaceSubrange(one..<one + 4_096, with: data[two..<two + 4_096])
                        data.replaceSubrange(two..<two + 4_096, with: kept)
                    }
                }
            }
            #expect(isRefused)
        }
    }
}
