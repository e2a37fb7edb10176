import Wire

/// The namespace as decisions see it: what is not committed yet over what an engine has committed.
/// Used from one serial queue, one commit at a time.
///
/// `apply` puts mutations into the open batch. `commit` closes it and calls back, on any thread,
/// when it is on stable storage; what is applied meanwhile goes into the next one, so that requests
/// which arrive during a commit share it. The server lets a reply leave only after the callback of
/// the commit that covers everything it could have seen. A failed commit is final: memory is then
/// ahead of the disk, and the process has to end.
///
/// What is on its way to a commit is in two `Pending`s, one that collects and one that the engine's
/// sink writes; reads look there first and then into the committed rows. So a commit holds up no
/// decision. Leases, open blocks and answers kept for retries are bounded, and are in memory as
/// well.
///
/// Blocks are numbered by their counter: a number at or above it, as it was before a list of
/// mutations, is of no block yet.
///
/// Marked unchecked because Swift cannot see what holds by construction: every property is touched
/// on that queue alone, and the sink is given values.
package final class NamespaceOverlay: NamespaceReader, @unchecked Sendable {
    /// Entries of one generation of what was read lately.
    private static let recentMost = 16_384
    /// The longest value whose blocks are kept as read lately.
    static let recentBlocks = 8

    /// Blocks remembered from reads; losing them costs reading them again.
    static let seenMost = 16_384

    let rows: any CommittedRows
    private let sink: any BatchSink
    /// What the operator should know of the start.
    package let remarks: [String]

    var state: StoreState
    var open: Pending
    var committing: Pending?
    /// Since `view` began, a read of keys or sealed blocks gave what no finished commit covers.
    var sawUncommitted = false
    /// A read that could not be done. What was decided with it must not leave the process, which
    /// has to end.
    private var failure: StoreFailure?
    package internal(set) var signingKeys: SigningKeys.Saved?
    package internal(set) var history: NamespaceHistory

    var leases: [LeaseID: LeaseRecord] = [:]
    var writing: [Key: LeaseID] = [:]
    var openBlocks: [BlockID: BlockInfo] = [:]
    var openOf: [ValueID: Set<BlockID>] = [:]
    package internal(set) var answers = KeptAnswers()
    package internal(set) var nodeIDs: [NodeID]
    var knownNodes: Set<NodeID>

    var recentKeys = RecentMap<Key, KeyRecord?>(most: recentMost)
    /// Whole values of few blocks.
    var recentValues = RecentMap<ValueID, [BlockInfo]>(most: recentMost)
    /// What the decision under way has read, so that changing it reads nothing twice.
    var seen: [BlockID: BlockInfo] = [:]

    package init(_ loaded: LoadedNamespace) {
        rows = loaded.rows
        sink = loaded.sink
        remarks = loaded.remarks
        state = loaded.state
        // The opening's own.
        firstCommit = loaded.state.commits
        open = Pending(state: loaded.state)
        history = loaded.history
        signingKeys = loaded.signingKeys
        nodeIDs = loaded.nodes
        knownNodes = Set(loaded.nodes)
        for block in loaded.openBlocks { takeOpen(block) }
        for lease in loaded.leases {
            var lease = lease
            let planned = (openOf[lease.value] ?? []).compactMap { openBlocks[$0]?.position }
            lease.blocks = planned.max().map { Int($0) + 1 } ?? 0
            take(lease)
        }
        for answer in loaded.answers where answer.sequence > loaded.state.outcomeFloor {
            keep(answer)
        }
    }

    /// Ends after the last commit.
    package func close() throws(StoreFailure) { try sink.close() }

    /// What is committed will be found again where it is looked for.
    package func checkPlace() throws(StoreFailure) { try sink.checkPlace() }

    package var tally: Tally { state.tally }

    package var commits: UInt64 { state.commits }
    package let firstCommit: UInt64

    package func counter(_ counter: Mutation.Counter) -> UInt64 { state[counter] }

    /// In order, so that a hash table's own order decides nothing.
    package var leaseIDs: [LeaseID] {
        leases.keys.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    }

    package func lease(_ id: LeaseID) -> LeaseRecord? { leases[id] }

    package func lease(writing key: Key) -> LeaseRecord? { writing[key].flatMap { leases[$0] } }

    // MARK: Reads

    /// Has a decision made.
    /// - Returns: also whether every key and sealed block that it saw is committed.
    package func view<Value>(
        _ decide: (NamespaceOverlay) -> Value
    ) throws(StoreFailure) -> (value: Value, isSettled: Bool) {
        sawUncommitted = false
        let value = decide(self)
        try requireSound()
        return (value, !sawUncommitted)
    }

    func requireSound() throws(StoreFailure) { if let failure { throw failure } }

    /// The first failed read is kept.
    func reading<Value>(
        else nothing: Value, _ read: () throws(StoreFailure) -> Value
    ) -> Value {
        do { return try read() } catch {
            if failure == nil { failure = error }
            return nothing
        }
    }

    // MARK: Commits

    package func commit(_ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void) {
        precondition(committing == nil, "one commit at a time")
        state.commits += 1
        open.state = state
        committing = open
        let batch = open
        open = Pending(state: state)
        rows.begins(batch)
        sink.write(batch, done)
    }

    package func committed() {
        guard let done = committing else {
            preconditionFailure("a commit that is over was begun")
        }
        committing = nil
        for (key, record) in done.keys { recentKeys.keep(key, record) }
    }
}
