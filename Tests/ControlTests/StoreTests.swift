import Control
import System
import Testing
import Wire

/// One suite over every engine.
@Suite("The store")
struct StoreTests {
    enum Kind: CaseIterable { case memory, memoryInTransactions, sqlite, sqliteInTransactions }

    /// A store of this kind, and a call that may end a transaction.
    private func with(
        _ kind: Kind, _ body: (NamespaceOverlay, () throws -> Void) throws -> Void
    ) throws {
        switch kind {
        case .memory, .memoryInTransactions:
            let engine = MemoryEngine()
            try walk(try engine.store(), commits: kind == .memory, body)
            #expect(try engine.damage().isEmpty)
        case .sqlite, .sqliteInTransactions:
            try Scratch.with { try walk(try $0.store(), commits: kind == .sqlite, body) }
        }
    }

    private func walk(
        _ store: NamespaceOverlay, commits: Bool,
        _ body: (NamespaceOverlay, () throws -> Void) throws -> Void
    ) throws {
        try body(store) { if commits { try Scratch.commit(store) } }
    }

    @Test(arguments: Kind.allCases) func positionsAreFoundFromWithin(kind: Kind) throws {
        try with(kind) { try positions($0, $1) }
    }

    private func positions(
        _ store: NamespaceOverlay, _ end: () throws -> Void
    ) throws {
        try store.apply([.setCounter(.block, 100)])
        for (number, position) in [(1, 0), (2, 10), (3, 30)] as [(UInt64, UInt64)] {
            try store.apply([.putBlock(block(number, value: 1, position: position))])
            try end()
        }
        try store.apply([.putBlock(block(9, value: 2, position: 5))])
        try end()
        func found(_ position: UInt64, _ limit: Int = 9) -> [UInt64] {
            store.blocks(of: ValueID(1), holding: position, limit: limit).map(\.block.number)
        }
        #expect(found(0) == [1, 2, 3])
        #expect(found(9) == [1, 2, 3])
        #expect(found(10) == [2, 3])
        #expect(found(29, 1) == [2])
        #expect(found(99) == [3])
        #expect(store.blocks(of: ValueID(3), holding: 0, limit: 9).isEmpty)
    }

    @Test(arguments: Kind.allCases) func countersNeverGoBack(kind: Kind) throws {
        try with(kind) { try counters($0, $1) }
    }

    private func counters(
        _ store: NamespaceOverlay, _ end: () throws -> Void
    ) throws {
        for counter in Mutation.Counter.allCases {
            #expect(store.counter(counter) == 1)
            try store.apply([.setCounter(counter, 2)])
            #expect(store.counter(counter) == 2)
        }
    }

    private func block(_ number: UInt64, value: UInt64, position: UInt64) -> BlockInfo {
        BlockInfo(
            block: BlockID(number), epoch: Epoch(1), value: ValueID(value), position: position,
            chain: [])
    }

    /// A store that is plainly right and plainly slow.
    private struct Model {
        var keys: [[UInt8]: KeyRecord] = [:]
        var leases: [LeaseID: LeaseRecord] = [:]
        var blocks: [BlockID: BlockInfo] = [:]

        mutating func apply(_ mutation: Mutation) {
            switch mutation {
            case .putKey(let key, let record): keys[key.bytes] = record
            case .removeKey(let key): keys[key.bytes] = nil
            case .putLease(let lease): leases[lease.id] = lease
            case .removeLease(let id): leases[id] = nil
            case .putBlock(let record): blocks[record.block] = record
            case .removeBlock(let block): blocks[block] = nil
            default: break
            }
        }

        func keys(from start: Key, limit: Int) -> [[UInt8]] {
            let after = keys.keys.filter { !$0.lexicographicallyPrecedes(start.bytes) }
            return Array(after.sorted { $0.lexicographicallyPrecedes($1) }.prefix(limit))
        }

        func blocks(of value: ValueID) -> [BlockID] {
            blocks.values.filter { $0.value == value && !$0.isDoomed }
                .sorted { ($0.position, $0.block) < ($1.position, $1.block) }.map(\.block)
        }
    }

    private func mutation(_ generator: inout Seeded) -> Mutation {
        let number = UInt64.random(in: 1...40, using: &generator)
        let letters = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            UInt8.random(in: 97...99, using: &generator)
        }
        let key = Key(point: letters)
        let lease = LeaseID(high: 1, low: number % 10)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0, 1:
            return .putKey(
                key, KeyRecord(value: ValueID(number), length: number, createdUnixMs: 0))
        case 2: return .removeKey(key)
        case 3:
            return .putLease(
                LeaseRecord(
                    id: lease, client: .none, key: Key(point: [UInt8(number % 10)]),
                    overwrite: false, value: ValueID(number)))
        case 4: return .removeLease(lease)
        case 5, 6:
            var record = block(number, value: number % 4, position: number * 3 % 50)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: record.state = .sealed
            case 1: record.state = .doomed(since: 0, waiting: [])
            default: break
            }
            return .putBlock(record)
        default: return .removeBlock(BlockID(number))
        }
    }

    @Test(
        "a random walk beside a naive model", arguments: [1, 2, 3, 4, 5] as [UInt64], Kind.allCases)
    func model(seed: UInt64, kind: Kind) throws {
        print("store model seed \(seed)")
        try with(kind) { try walk($0, $1, seed: seed) }
    }

    private func walk(
        _ store: NamespaceOverlay, _ end: () throws -> Void, seed: UInt64
    ) throws {
        var generator = Seeded(seed)
        var model = Model()
        try store.apply([.setCounter(.block, 100)])
        for step in 0..<2_000 {
            let next = mutation(&generator)
            try store.apply([next])
            model.apply(next)
            if Int.random(in: 0..<5, using: &generator) == 0 { try end() }
            try compare(store, model, step: step, &generator)
        }
    }

    private func compare(
        _ store: NamespaceOverlay, _ model: Model, step: Int, _ generator: inout Seeded
    ) throws {
        let start = Key(point: [UInt8.random(in: 96...100, using: &generator)])
        let limit = Int.random(in: 0...10, using: &generator)
        try #require(
            store.keys(from: start, limit: limit).map(\.key.bytes)
                == model.keys(from: start, limit: limit), "step \(step)")
        let value = ValueID(UInt64.random(in: 0...4, using: &generator))
        try #require(
            store.blocks(of: value, holding: 0, limit: 100).map(\.block)
                == model.blocks(of: value), "step \(step)")
        let one = BlockID(UInt64.random(in: 1...40, using: &generator))
        try #require(store.block(one) == model.blocks[one], "step \(step)")
        try #require(store.tally.keys == model.keys.count)
        try #require(store.tally.leases == model.leases.count)
        let live = model.blocks.values.filter { !$0.isDoomed }
        try #require(store.tally.blocks == live.count)
        try #require(store.tally.sealedBlocks == live.count { $0.state == .sealed })
        try #require(
            store.doomed(after: BlockID(20), limit: 5).map(\.block)
                == Array(
                    model.blocks.values.filter { $0.isDoomed && $0.block > BlockID(20) }
                        .map(\.block).sorted().prefix(5)))
        _ = try store.view { $0.tally }
    }
}
