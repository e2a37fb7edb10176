import Wire

/// What decisions may read. Every read sees what was applied before it, committed or not, and costs
/// at most a search plus what it returns: no read is proportional to the number of keys.
package protocol NamespaceReader {
    func key(_ key: Key) -> KeyRecord?
    /// Keys `>= start` in bytewise order, at most `limit`.
    func keys(from start: Key, limit: Int) -> [(key: Key, record: KeyRecord)]
    func lease(_ id: LeaseID) -> LeaseRecord?
    func lease(writing key: Key) -> LeaseRecord?
    func block(_ block: BlockID) -> BlockInfo?
    /// Open and sealed blocks of a value, by position; the first is the one that holds `position`,
    /// or the first after it.
    func blocks(of value: ValueID, holding position: UInt64, limit: Int) -> [BlockInfo]
    /// The open ones alone, by position.
    func openBlocks(of value: ValueID) -> [BlockInfo]
    /// Blocks that wait for their deletion, by number, after `block`.
    func doomed(after block: BlockID, limit: Int) -> [BlockInfo]
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

extension NamespaceReader {
    package func outcome(_ name: RequestName) -> [UInt8]? { answers.reply(to: name) }
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
