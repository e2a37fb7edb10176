import Wire

/// A namespace that lives as long as its process, for tests of the decisions and simulations.
package struct MemoryStore: NamespaceStore, Sendable {
    private struct Place: Hashable, Comparable, Sendable {
        let value: ValueID
        let position: UInt64
        let block: BlockID

        static func < (left: Self, right: Self) -> Bool {
            (left.value, left.position, left.block) < (right.value, right.position, right.block)
        }
    }

    package private(set) var tally = Tally()
    private var keys = OrderedMap<Key, KeyRecord>()
    private var leases: [LeaseID: LeaseRecord] = [:]
    private var writing: [Key: LeaseID] = [:]
    private var blocks: [BlockID: BlockRecord] = [:]
    private var places = OrderedMap<Place, BlockID>()
    private var doomed = OrderedMap<BlockID, Void>()
    package private(set) var answers = KeptAnswers()
    private var counters: [Mutation.Counter: UInt64] = [:]

    package private(set) var signingKeys: SigningKeys.Saved?
    package private(set) var history = NamespaceHistory()
    package private(set) var commits: UInt64 = 0

    private let firstNumber: UInt64

    /// - Parameter firstNumber: where the counters begin. Datanodes keep blocks of earlier
    ///   processes, and a number that was given once must not be given again.
    package init(firstNumber: UInt64 = 1) { self.firstNumber = firstNumber }

    package func key(_ key: Key) -> KeyRecord? { keys[key] }

    package func keys(from start: Key, limit: Int) -> [(key: Key, record: KeyRecord)] {
        keys.entries(from: start, limit: limit).map { ($0.key, $0.value) }
    }

    /// Looks at every block: for tests.
    package var nodeIDs: [NodeID] { Array(Set(blocks.values.flatMap(\.chain))) }

    package var failure: StoreFailure? { nil }

    package var leaseIDs: [LeaseID] { Array(leases.keys) }

    package func lease(_ id: LeaseID) -> LeaseRecord? { leases[id] }

    package func lease(writing key: Key) -> LeaseRecord? { writing[key].flatMap { leases[$0] } }

    package func block(_ block: BlockID) -> BlockRecord? { blocks[block] }

    package func blocks(
        of value: ValueID, holding position: UInt64, limit: Int
    ) -> [BlockRecord] {
        // The block that holds a position starts at or before it; positions are unique in a value,
        // but for blocks of no bytes, so the walk backwards is short.
        let start = places.last(
            through: Place(value: value, position: position, block: BlockID(.max)))
        var from = Place(value: value, position: position, block: BlockID(0))
        if let start, start.value == value { from = min(from, start) }
        return places.entries(from: from, limit: limit)
            .prefix { $0.key.value == value }
            .compactMap { blocks[$0.value] }
    }

    package func openBlocks(of value: ValueID) -> [BlockRecord] {
        blocks(of: value, holding: 0, limit: .max).filter { $0.state == .open }
    }

    package func doomed(after block: BlockID, limit: Int) -> [BlockRecord] {
        guard block.number < .max else { return [] }
        return doomed.entries(from: BlockID(block.number + 1), limit: limit)
            .compactMap { blocks[$0.key] }
    }

    package func counter(_ counter: Mutation.Counter) -> UInt64 { counters[counter] ?? firstNumber }

    package mutating func apply(_ mutations: [Mutation]) throws(StoreFailure) {
        for mutation in mutations { apply(mutation) }
    }

    package mutating func commit(_ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void) {
        beginCommit()
        done(.success(()))
    }

    package mutating func committed() {}

    package var firstCommit: UInt64 { commits + 1 }

    /// - Parameter least: numbers below it are left out.
    package mutating func beginCommit(atLeast least: UInt64 = 0) {
        commits = max(commits + 1, least)
    }

    private mutating func apply(_ mutation: Mutation) {
        switch mutation {
        case .putKey(let key, let record): keys[key] = record
        case .removeKey(let key): keys[key] = nil
        case .putLease(let lease):
            leases[lease.id] = lease
            writing[lease.key] = lease.id
        case .removeLease(let id):
            if let lease = leases.removeValue(forKey: id), writing[lease.key] == id {
                writing[lease.key] = nil
            }
        case .putBlock(let record):
            drop(record.block)
            add(record)
        case .removeBlock(let block): drop(block)
        case .setCounter(let counter, let next): counters[counter] = next
        case .setSigningKeys(let keys): signingKeys = keys
        case .setHistory(let history): self.history = history
        case .putOutcome(let name, let sequence, let reply):
            answers.keep(reply, for: name, sequence: sequence)
        case .removeOutcome(let sequence): answers.forget(sequence)
        }
        tally.keys = keys.count
        tally.leases = leases.count
        tally.blocks = places.count
        tally.doomedBlocks = doomed.count
        tally.outcomes = answers.count
    }

    private func place(of record: BlockRecord) -> Place {
        Place(value: record.value, position: record.position, block: record.block)
    }

    private mutating func add(_ record: BlockRecord) {
        blocks[record.block] = record
        switch record.state {
        case .open: places[place(of: record)] = record.block
        case .sealed:
            places[place(of: record)] = record.block
            tally.sealedBlocks += 1
        case .doomed: doomed[record.block] = ()
        }
    }

    private mutating func drop(_ block: BlockID) {
        guard let record = blocks.removeValue(forKey: block) else { return }
        switch record.state {
        case .open: places[place(of: record)] = nil
        case .sealed:
            places[place(of: record)] = nil
            tally.sealedBlocks -= 1
        case .doomed: doomed[block] = nil
        }
    }
}
