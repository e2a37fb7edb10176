import Wire

/// A kind of store at the place of one namespace: makes it, opens it for a process, and does what
/// an operator asks beside serving it. `NamespaceOverlay` is the same over every kind, so that
/// another kind is a folder with an engine, its rows and its sink.
package protocol NamespaceEngine {
    /// What holds the namespace, for messages.
    var name: String { get }
    /// There is a namespace here, or a part of one.
    var exists: Bool { get }

    /// Makes an empty namespace where there is none, whole or not at all.
    /// - Parameter firstNumber: where the counters begin. Datanodes keep blocks of earlier
    ///   namespaces, and a number that was given once must not be given again.
    func create(cluster: ClusterID, firstNumber: UInt64) throws(StoreFailure)

    /// Loads the namespace for one process at a time, whose first commit (`StoreState.begin`) is
    /// durable when this returns. Costs what is bounded, and nothing for each key.
    /// - Parameters:
    ///   - now: this process's monotonic time, from which deletions of earlier ones count.
    ///   - boot: names the run of the kernel that `now` is measured in.
    func load(
        cluster: ClusterID, now: Int64, boot: String
    ) throws(StoreFailure) -> LoadedNamespace

    /// Gives the rows of one committed state, also while a namenode has the namespace open.
    func reading<Value>(
        _ body: (any CommittedRows) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value

    /// Sentences about what is wrong with the store itself, none when all is well.
    func damage() throws(StoreFailure) -> [String]

    /// Writes a whole copy of one committed state to another place, durably.
    func copy(to other: Self) throws(StoreFailure)

    /// Makes a state that may be older than its datanodes the one that counts
    /// (`StoreState.giveUpLater`), while no process has it open. What was being written is
    /// forgotten and not deleted: its writer may have come to its end since, and then its blocks
    /// are somebody's value in the state that is lost.
    func giveUpLater(using generator: inout some RandomNumberGenerator) throws(StoreFailure)
}

/// Reads of what is committed, from the queue that decides. A row is there from some moment between
/// `begins` and the end of its commit on.
package protocol CommittedRows: AnyObject {
    func key(_ key: Key) throws(StoreFailure) -> KeyRecord?
    /// Gives keys `>= start` in bytewise order, until it is answered false.
    func keys(
        from start: Key, _ each: (Key, KeyRecord) throws(StoreFailure) -> Bool
    ) throws(StoreFailure)
    /// Sealed blocks of a value, by position; the first is the one that holds `position`, or the
    /// first after it.
    func sealed(
        of value: ValueID, holding position: UInt64, limit: Int
    ) throws(StoreFailure) -> [BlockInfo]
    /// A sealed or a doomed block.
    func block(_ block: BlockID) throws(StoreFailure) -> BlockInfo?
    /// Gives doomed blocks after `block` by number, until it is answered false.
    func doomed(
        after block: BlockID, _ each: (BlockInfo) throws(StoreFailure) -> Bool
    ) throws(StoreFailure)
    /// This batch is about to be written.
    func begins(_ batch: Pending)
}

/// Takes batches to stable storage, one at a time. A batch that fails is the last: what is left of
/// it is not known, so that nothing is tried again.
package protocol BatchSink: AnyObject, Sendable {
    /// Calls back, on any thread, when all of the batch is on stable storage.
    func write(
        _ batch: Pending, _ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void)
    /// What was written will be found again where it is looked for.
    func checkPlace() throws(StoreFailure)
    /// Ends cleanly, after the last batch.
    func close() throws(StoreFailure)
}

/// What a start reads of a namespace, all of it bounded, and the ways to the rest.
package struct LoadedNamespace {
    package var rows: any CommittedRows
    package var sink: any BatchSink
    /// With this process's first commit.
    let state: StoreState
    let history: NamespaceHistory
    let signingKeys: SigningKeys.Saved?
    /// Without their counts of blocks.
    let leases: [LeaseRecord]
    let openBlocks: [BlockInfo]
    /// In order.
    let answers: [Pending.Outcome]
    let nodes: [NodeID]
    /// What the operator should know of the start.
    var remarks: [String] = []
}

extension NamespaceEngine {
    package func open(
        cluster: ClusterID, now: Int64, boot: String
    ) throws(StoreFailure) -> NamespaceOverlay {
        NamespaceOverlay(try load(cluster: cluster, now: now, boot: boot))
    }

    /// Reads all of it. Answers sentences about what is wrong, none when all is well.
    package func check() throws(StoreFailure) -> [String] {
        var problems = try damage()
        guard problems.isEmpty else { return problems }
        try walk { _, record, blocks in
            let length = blocks.reduce(0) { $0 + $1.length }
            if length != record.length {
                problems.append(
                    "value \(record.value.number) has \(length) bytes in its blocks, its key says "
                        + "\(record.length)")
            }
            return problems.count < 100
        }
        return problems
    }

    /// Gives every key with its blocks, in order.
    package func export(_ each: (Key, KeyRecord, [BlockInfo]) throws -> Void) throws {
        var thrown: (any Error)?
        try walk { key, record, blocks in
            do { try each(key, record, blocks) } catch { thrown = error }
            return thrown == nil
        }
        if let thrown { throw thrown }
    }

    private func walk(_ each: (Key, KeyRecord, [BlockInfo]) -> Bool) throws(StoreFailure) {
        try reading { rows throws(StoreFailure) in
            try rows.keys(from: Key(point: [])) { key, record throws(StoreFailure) in
                each(key, record, try rows.sealed(of: record.value, holding: 0, limit: .max))
            }
        }
    }
}
