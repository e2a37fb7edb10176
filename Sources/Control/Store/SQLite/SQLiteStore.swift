import Wire

/// The namespace in a SQLite database: WAL, synchronous=FULL, one writer.
///
/// What is on its way to a commit is in two `Pending`s, one that collects and one that a thread of
/// its own writes; reads look there first and then into the database, through a connection of
/// their own. So a commit holds up no decision. Leases, open blocks and answers kept for retries
/// are bounded, and are in memory as well.
///
/// Used on one serial queue, which is why the compiler's check is off: every property is touched
/// there alone, and the writer is given values.
package final class SQLiteStore: NamespaceStore, @unchecked Sendable {
    /// Entries of one generation of what was read lately.
    private static let recentMost = 16_384
    /// The longest value whose blocks are kept as read lately.
    static let recentBlocks = 8

    /// Blocks remembered from reads; losing them costs reading them again.
    static let seenMost = 16_384

    let path: String
    let reader: StoreReader
    let writer: StoreWriter
    private let place: StorePlace
    /// What the operator should know of the start.
    package let remarks: [String]
    private let onClose: () throws(StoreFailure) -> Void

    var state: StoreState
    var open: Pending
    var committing: Pending?
    package internal(set) var sawUncommitted = false
    package internal(set) var failure: StoreFailure?
    package internal(set) var signingKeys: SigningKeys.Saved?
    package internal(set) var history = NamespaceHistory()

    var leases: [LeaseID: LeaseRecord] = [:]
    var writing: [Key: LeaseID] = [:]
    var openBlocks: [BlockID: BlockRecord] = [:]
    var openOf: [ValueID: Set<BlockID>] = [:]
    package internal(set) var answers = KeptAnswers()

    var recentKeys = RecentMap<Key, KeyRecord?>(most: recentMost)
    /// Whole values of few blocks.
    var recentValues = RecentMap<ValueID, [BlockRecord]>(most: recentMost)
    /// What the decision under way has read, so that changing it reads nothing twice.
    var seen: [BlockID: BlockRecord] = [:]

    init(
        path: String, reader: StoreReader, writer: StoreWriter, state: StoreState,
        place: StorePlace, remarks: [String],
        onClose: @escaping () throws(StoreFailure) -> Void
    ) {
        self.path = path
        self.reader = reader
        self.writer = writer
        self.state = state
        self.place = place
        self.remarks = remarks
        self.onClose = onClose
        // The opening's own.
        firstCommit = state.commits
        open = Pending(state: state)
    }

    /// Ends after a last commit: the database is whole in its main file then.
    package func close() throws {
        try writer.close()
        try onClose()
    }

    package func checkPlace() throws(StoreFailure) { try place.check() }

    package func startReading() { sawUncommitted = false }

    package var tally: Tally { state.tally }

    package var nodeIDs: [NodeID] { reader.codec.nodes.nodes }

    package var commits: UInt64 { state.commits }
    package let firstCommit: UInt64

    package func counter(_ counter: Mutation.Counter) -> UInt64 { state[counter] }

    package var leaseIDs: [LeaseID] { Array(leases.keys) }

    package func lease(_ id: LeaseID) -> LeaseRecord? { leases[id] }

    package func lease(writing key: Key) -> LeaseRecord? { writing[key].flatMap { leases[$0] } }

    /// The first failed read is kept, and ends the process.
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
        writer.write(batch, done)
    }

    package func committed() {
        guard let done = committing else {
            preconditionFailure("a commit that is over was begun")
        }
        committing = nil
        for (key, record) in done.keys { recentKeys.keep(key, record) }
    }
}
