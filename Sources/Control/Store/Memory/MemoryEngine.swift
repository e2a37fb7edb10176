import Wire

/// A namespace that is as durable as this object: for tests of the decisions, and for simulations,
/// in which a process ends and the object stays.
///
/// Marked unchecked because Swift cannot see what holds by construction: engine, rows and sink are
/// used on the one queue of the overlay over them.
package final class MemoryEngine: NamespaceEngine, @unchecked Sendable {
    /// `nil`: nobody has made a namespace here.
    private var tables: MemoryTables?
    private let landsAtOnce: Bool
    /// Names the run of the kernel of the process that has it open.
    private var boot = ""
    /// A batch that was begun and is not there yet.
    private var underWay: Pending?

    /// - Parameter landsAtOnce: a commit is there when it has begun; else when `land` says so, and
    ///   whoever says so knows what to do then: nothing is called back.
    package init(landsAtOnce: Bool = true) { self.landsAtOnce = landsAtOnce }

    package var name: String { "the namespace in memory" }
    package var exists: Bool { tables != nil }

    /// Commits that have landed.
    package var commits: UInt64 { tables?.state.commits ?? 0 }

    /// An answer to this request has landed.
    package func hasAnswer(to name: RequestName) -> Bool { tables?.hasAnswer(to: name) == true }

    package func create(cluster: ClusterID, firstNumber: UInt64) throws(StoreFailure) {
        tables = MemoryTables(cluster: cluster, firstNumber: firstNumber)
    }

    /// What an earlier process had under way, and what has not landed, is gone.
    package func load(
        cluster: ClusterID, now: Int64, boot: String
    ) throws(StoreFailure) -> LoadedNamespace {
        underWay = nil
        self.boot = boot
        var tables = try made()
        tables.begin()
        self.tables = tables
        return tables.loaded(
            rows: MemoryRows(self, start: tables.state.starts, opened: now),
            sink: MemorySink(self), boot: boot)
    }

    package func reading<Value>(
        _ body: (any CommittedRows) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value {
        try body(MemoryRows(self, start: 0, opened: 0))
    }

    package func damage() throws(StoreFailure) -> [String] { try made().damage }

    package func copy(to other: MemoryEngine) throws(StoreFailure) { other.tables = try made() }

    package func giveUpLater(
        using generator: inout some RandomNumberGenerator
    ) throws(StoreFailure) {
        var tables = try made()
        tables.giveUpLater(using: &generator)
        self.tables = tables
    }

    // MARK: Commits

    fileprivate func begin(
        _ batch: Pending, _ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void
    ) {
        precondition(underWay == nil, "one commit at a time")
        underWay = batch
        guard landsAtOnce else { return }
        land()
        done(.success(()))
    }

    /// The commit under way is there from now on.
    package func land() {
        guard let batch = underWay else { preconditionFailure("a commit that lands was begun") }
        underWay = nil
        tables?.put(batch, boot: boot)
    }

    fileprivate func made() throws(StoreFailure) -> MemoryTables {
        guard let tables else { throw StoreFailure("\(name) was not made") }
        return tables
    }
}

/// Reads of the tables as they are.
private final class MemoryRows: CommittedRows {
    private let engine: MemoryEngine
    /// This process's number, and the moment it opened the namespace.
    private let start: UInt64
    private let opened: Int64

    init(_ engine: MemoryEngine, start: UInt64, opened: Int64) {
        self.engine = engine
        self.start = start
        self.opened = opened
    }

    func key(_ key: Key) throws(StoreFailure) -> KeyRecord? { try engine.made().key(key) }

    func keys(
        from start: Key, _ each: (Key, KeyRecord) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        try engine.made().keys(from: start, each)
    }

    func sealed(
        of value: ValueID, holding position: UInt64, limit: Int
    ) throws(StoreFailure) -> [BlockInfo] {
        try engine.made().sealed(of: value, holding: position, limit: limit)
    }

    func block(_ block: BlockID) throws(StoreFailure) -> BlockInfo? {
        try engine.made().block(block, start: start, opened: opened)
    }

    func doomed(
        after block: BlockID, _ each: (BlockInfo) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        try engine.made().doomed(after: block, start: start, opened: opened, each)
    }

    func begins(_ batch: Pending) {}
}

private final class MemorySink: BatchSink {
    private let engine: MemoryEngine

    init(_ engine: MemoryEngine) { self.engine = engine }

    func write(
        _ batch: Pending, _ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void
    ) { engine.begin(batch, done) }

    func checkPlace() throws(StoreFailure) {}
    func close() throws(StoreFailure) {}
}
