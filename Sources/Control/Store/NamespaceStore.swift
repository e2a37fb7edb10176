import Wire

/// What decisions may read. Every read sees what was applied before it, committed or not, and costs
/// at most a search plus what it returns: no read is proportional to the number of keys.
package protocol NamespaceReader {
    func key(_ key: Key) -> KeyRecord?
    /// Keys `>= start` in bytewise order, at most `limit`.
    func keys(from start: Key, limit: Int) -> [(key: Key, record: KeyRecord)]
    func lease(_ id: LeaseID) -> LeaseRecord?
    func lease(writing key: Key) -> LeaseRecord?
    func block(_ block: BlockID) -> BlockRecord?
    /// Open and sealed blocks of a value, by position; the first is the one that holds `position`,
    /// or the first after it.
    func blocks(of value: ValueID, holding position: UInt64, limit: Int) -> [BlockRecord]
    /// The open ones alone, by position.
    func openBlocks(of value: ValueID) -> [BlockRecord]
    /// Blocks that wait for their deletion, by number, after `block`.
    func doomed(after block: BlockID, limit: Int) -> [BlockRecord]
    var answers: KeptAnswers { get }
    func counter(_ counter: Mutation.Counter) -> UInt64
    var signingKeys: SigningKeys.Saved? { get }
    var history: NamespaceHistory { get }
    /// Commits that were begun so far, over all processes: the number of the newest one.
    var commits: UInt64 { get }
    /// The number of this process's first commit, which an opening may have made already.
    var firstCommit: UInt64 { get }
    /// Every lease; there are at most `Bounds.leases`.
    var leaseIDs: [LeaseID] { get }
    /// Nodes that hold or held blocks.
    var nodeIDs: [NodeID] { get }
    var tally: Tally { get }
}

/// Counts that the store keeps while it changes, so that nobody has to count.
package struct Tally: Sendable, Equatable {
    package var keys = 0
    package var leases = 0
    /// Open and sealed ones.
    package var blocks = 0
    package var sealedBlocks = 0
    package var doomedBlocks = 0
    package var outcomes = 0

    package init() {}
}

/// The namespace's keeper. Used from one serial queue, one commit at a time.
///
/// Blocks are numbered by their counter: a number at or above it, as it was before a list of
/// mutations, is of no block yet.
///
/// `apply` puts mutations into the open transaction, beginning one when there is none. `commit`
/// closes it and calls back, on any thread, when it is on stable storage; what is applied
/// meanwhile goes into the next one, so that requests which arrive during a commit share it. The
/// server lets a reply leave only after the callback of the commit that covers everything it could
/// have seen. A failed commit is final: memory is then ahead of the disk, and the process has to
/// end.
package protocol NamespaceStore: NamespaceReader {
    mutating func apply(_ mutations: [Mutation]) throws(StoreFailure)
    mutating func commit(_ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void)
    /// The commit that called back with success is over, on the store's own queue.
    mutating func committed()
    /// Its files are still under their names: what is committed will be found again.
    func checkPlace() throws(StoreFailure)
    /// Forgets what was read before.
    func startReading()
    /// Since `startReading`, a read of keys or sealed blocks gave what no finished commit covers.
    var sawUncommitted: Bool { get }
    /// Set by a read that could not be done. What was decided with it must not leave the process,
    /// which has to end.
    var failure: StoreFailure? { get }
}

extension NamespaceReader {
    package func outcome(_ name: RequestName) -> [UInt8]? { answers.reply(to: name) }
}

extension NamespaceStore {
    /// A store that does not know takes everything for uncommitted.
    package func startReading() {}
    /// Memory has no place.
    package func checkPlace() throws(StoreFailure) {}
    package var sawUncommitted: Bool { true }
}

package struct StoreFailure: Error, Equatable, Sendable {
    package let reason: String
    /// The disk refuses its service: it is full, read-only or broken. What it holds may be sound.
    package let isRefusedByDisk: Bool

    package init(_ reason: String, isRefusedByDisk: Bool = false) {
        self.reason = reason
        self.isRefusedByDisk = isRefusedByDisk
    }
}
