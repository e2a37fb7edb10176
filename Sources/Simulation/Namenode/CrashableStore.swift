import Control
import Wire

/// What a namenode's disk has: the namespace as of the last commit that landed.
final class NamespaceDisk {
    private(set) var durable = MemoryStore()
    fileprivate var pending: [Mutation] = []
    fileprivate var committing: [Mutation] = []
    fileprivate var uncommitted = Uncommitted()
    fileprivate var sawUncommitted = false

    init() {}

    /// Puts a whole namespace in the place of what is there, while no process has it open: an older
    /// copy of it, or the newest one back.
    func replace(with other: MemoryStore) { durable = other }

    /// The operator goes on with this namespace, whatever others there were.
    /// - Parameter commit: above all of theirs.
    func accept(above commit: UInt64) {
        var history = durable.history
        history.giveUpOthers(below: commit)
        committing = [.setHistory(history)]
        land()
        durable.beginCommit(atLeast: commit)
    }

    /// The commit under way is on the disk from now on.
    func land() {
        do throws(StoreFailure) { try durable.apply(committing) } catch {
            preconditionFailure("memory takes every mutation: \(error.reason)")
        }
        committing = []
        durable.beginCommit()
    }

    /// The namenode's process ended: what was not on the disk is gone.
    /// - Parameters:
    ///   - moment: the next process's first, in its monotonic milliseconds; what waits for its
    ///     deletion waits anew.
    ///   - sameClock: the host stayed up, so that saved times still mean something.
    func restart(at moment: Int64, sameClock: Bool) {
        pending = []
        committing = []
        uncommitted = Uncommitted()
        var changes: [Mutation] = []
        for record in durable.doomed(after: BlockID(0), limit: .max) {
            guard case .doomed(_, let waiting) = record.state else { continue }
            var record = record
            record.state = .doomed(since: moment, waiting: waiting)
            changes.append(.putBlock(record))
        }
        if var keys = durable.signingKeys {
            keys.isOnThisClock = sameClock
            changes.append(.setSigningKeys(keys))
        }
        committing = changes
        land()
    }
}

/// Keys and values that no finished commit covers.
private struct Uncommitted {
    var keys: Set<Key> = []
    var values: Set<ValueID> = []
    var committingKeys: Set<Key> = []
    var committingValues: Set<ValueID> = []

    mutating func add(_ mutation: Mutation) {
        switch mutation {
        case .putKey(let key, let record):
            keys.insert(key)
            values.insert(record.value)
        case .removeKey(let key): keys.insert(key)
        case .putBlock(let record): values.insert(record.value)
        default: break
        }
    }

    mutating func begin() {
        (committingKeys, committingValues) = (keys, values)
        (keys, values) = ([], [])
    }

    mutating func end() { (committingKeys, committingValues) = ([], []) }

    func has(_ key: Key) -> Bool { keys.contains(key) || committingKeys.contains(key) }
    func has(_ value: ValueID) -> Bool {
        values.contains(value) || committingValues.contains(value)
    }
    var hasKeys: Bool { !keys.isEmpty || !committingKeys.isEmpty }
}

/// The namespace of a simulated namenode: memory that is ahead of a disk, as the database's is.
///
/// The disk advances when the simulation says that a commit has landed, and at no other time.
package struct CrashableStore: NamespaceStore {
    private var memory: MemoryStore
    private let disk: NamespaceDisk

    init(_ disk: NamespaceDisk) {
        self.disk = disk
        memory = disk.durable
        firstCommit = max(1, disk.durable.commits)
    }

    package func key(_ key: Key) -> KeyRecord? {
        if disk.uncommitted.has(key) { disk.sawUncommitted = true }
        return memory.key(key)
    }

    package func keys(from start: Key, limit: Int) -> [(key: Key, record: KeyRecord)] {
        if disk.uncommitted.hasKeys { disk.sawUncommitted = true }
        return memory.keys(from: start, limit: limit)
    }

    package func blocks(
        of value: ValueID, holding position: UInt64, limit: Int
    ) -> [Control.BlockRecord] {
        if disk.uncommitted.has(value) { disk.sawUncommitted = true }
        return memory.blocks(of: value, holding: position, limit: limit)
    }

    package func lease(_ id: LeaseID) -> LeaseRecord? { memory.lease(id) }
    package func lease(writing key: Key) -> LeaseRecord? { memory.lease(writing: key) }
    package func block(_ block: BlockID) -> Control.BlockRecord? { memory.block(block) }
    package func openBlocks(of value: ValueID) -> [Control.BlockRecord] {
        memory.openBlocks(of: value)
    }
    package func doomed(after block: BlockID, limit: Int) -> [Control.BlockRecord] {
        memory.doomed(after: block, limit: limit)
    }
    package var answers: KeptAnswers { memory.answers }
    package func counter(_ counter: Mutation.Counter) -> UInt64 { memory.counter(counter) }
    package var signingKeys: SigningKeys.Saved? { memory.signingKeys }
    package var history: NamespaceHistory { memory.history }
    package var commits: UInt64 { memory.commits }
    /// A start after an end lands a commit of its own, as the database's opening does.
    package let firstCommit: UInt64
    /// In order, so that a hash table's own order decides nothing.
    package var leaseIDs: [LeaseID] {
        memory.leaseIDs.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    }
    package var nodeIDs: [NodeID] { memory.nodeIDs }
    package var tally: Tally { memory.tally }
    package var failure: StoreFailure? { nil }

    package mutating func apply(_ mutations: [Mutation]) throws(StoreFailure) {
        try memory.apply(mutations)
        disk.pending += mutations
        for mutation in mutations { disk.uncommitted.add(mutation) }
    }

    /// Begins a commit; the simulation says on the disk when it lands.
    package mutating func commit(_ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void) {
        precondition(disk.committing.isEmpty, "one commit at a time")
        (disk.committing, disk.pending) = (disk.pending, [])
        disk.uncommitted.begin()
        memory.beginCommit()
    }

    package mutating func committed() { disk.uncommitted.end() }
    package func startReading() { disk.sawUncommitted = false }
    package var sawUncommitted: Bool { disk.sawUncommitted }
}
