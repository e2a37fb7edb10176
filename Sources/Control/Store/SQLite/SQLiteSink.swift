import CSQLite
import Dispatch
import Glibc
import Wire

/// Writes transactions, one after another, on a thread of its own.
///
/// Marked unchecked because Swift cannot see what holds by construction: every property is used on
/// `queue` alone. A transaction that fails is the last: what SQLite or the kernel still holds of it
/// is not known, so nothing is tried again.
final class SQLiteSink: BatchSink, @unchecked Sendable {
    /// Pages of WAL after which they are moved into the database file.
    private static let checkpointPages: Int32 = 4_096

    private let queue = DispatchQueue(label: "catena.namenode.store")
    private let connection: SQLiteConnection
    private var codec: RowCodec
    private let start: UInt64
    private let boot: String
    private let logEnd: LogEnd
    private let place: StorePlace
    /// Removed by a clean end.
    private let marker: String
    private var broken: StoreFailure?
    private let walPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    private let begin: SQLiteStatement
    private let end: SQLiteStatement
    private let putState: SQLiteStatement
    private let putHistory: SQLiteStatement
    private let putKey: SQLiteStatement
    private let removeKey: SQLiteStatement
    private let putExtent: SQLiteStatement
    private let removeExtent: SQLiteStatement
    private let putRow: [Table: SQLiteStatement]
    private let removeRow: [Table: SQLiteStatement]
    private let forget: SQLiteStatement

    /// Tables of a number and a record.
    enum Table: String, CaseIterable {
        case block, open, doomed, lease, outcome, node, signing

        var number: String {
            switch self {
            case .block, .open, .doomed: "id"
            case .lease: "value"
            case .outcome: "sequence"
            case .node: "number"
            case .signing: "place"
            }
        }
    }

    /// - Parameter boot: names the run of the kernel whose clock signing keys are timed on.
    init(
        _ connection: SQLiteConnection, codec: RowCodec, start: UInt64, boot: String,
        end logEnd: LogEnd, place: StorePlace, marker: String
    ) throws(StoreFailure) {
        self.logEnd = logEnd
        self.place = place
        self.marker = marker
        self.connection = connection
        self.codec = codec
        self.start = start
        self.boot = boot
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("PRAGMA wal_autocheckpoint = 0")
        begin = try connection.prepare("BEGIN IMMEDIATE")
        end = try connection.prepare("COMMIT")
        putState = try connection.prepare("UPDATE meta SET record = ?1 WHERE name = 'state'")
        putHistory = try connection.prepare(HistoryRow.statement)
        putKey = try connection.prepare("INSERT OR REPLACE INTO key (name, record) VALUES (?1, ?2)")
        removeKey = try connection.prepare("DELETE FROM key WHERE name = ?1")
        putExtent = try connection.prepare(
            "INSERT OR REPLACE INTO extent (value, position, record) VALUES (?1, ?2, ?3)")
        removeExtent = try connection.prepare(
            "DELETE FROM extent WHERE value = ?1 AND position = ?2")
        var put: [Table: SQLiteStatement] = [:]
        var remove: [Table: SQLiteStatement] = [:]
        for table in Table.allCases {
            put[table] = try connection.prepare(
                "INSERT OR REPLACE INTO \(table) (\(table.number), record) VALUES (?1, ?2)")
            remove[table] = try connection.prepare(
                "DELETE FROM \(table) WHERE \(table.number) = ?1")
        }
        putRow = put
        removeRow = remove
        forget = try connection.prepare("DELETE FROM outcome WHERE sequence <= ?1")
        walPages.initialize(to: 0)
        sqlite3_wal_hook(
            connection.handle,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: Int32.self).pointee = pages
                return SQLITE_OK
            }, walPages)
    }

    deinit { walPages.deallocate() }

    /// Calls back, on the writer's thread, when all of it is on stable storage.
    func write(
        _ batch: Pending, _ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void
    ) {
        queue.async {
            let result = self.commit(batch)
            done(result)
            if case .success = result { self.checkpointWhenDue() }
        }
    }

    func checkPlace() throws(StoreFailure) { try place.check() }

    /// Moves everything into the database file.
    func close() throws(StoreFailure) {
        let result = queue.sync { () -> Result<Void, StoreFailure> in
            do throws(StoreFailure) {
                if let broken { throw broken }
                try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
                try logEnd.sync()
                guard unlink(marker) == 0 else { throw SQLiteEngine.failure(marker, "unlink") }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func commit(_ batch: Pending) -> Result<Void, StoreFailure> {
        if let broken { return .failure(broken) }
        do throws(StoreFailure) {
            try begin.run()
            try put(batch)
            try end.run()
            // Both come before the answer: what is answered is where a start will look for it, and
            // a start that does not find it is to miss it.
            try place.check()
            try logEnd.write(batch.state.commits)
            return .success(())
        } catch {
            broken = error
            return .failure(error)
        }
    }

    /// A checkpoint that fails has lost nothing: the WAL still has it all. But what the kernel did
    /// with the pages is unknown, so that the next transaction finds the store broken.
    private func checkpointWhenDue() {
        guard walPages.pointee >= Self.checkpointPages else { return }
        let code = sqlite3_wal_checkpoint_v2(
            connection.handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED else {
            broken = connection.failure("moving the WAL into the database")
            return
        }
        do throws(StoreFailure) { try logEnd.sync() } catch { broken = error }
    }

    // MARK: Rows

    private func put(_ batch: Pending) throws(StoreFailure) {
        putState.bind(1, StateRow.write(batch.state))
        try putState.run()
        codec.take(batch.nodes)
        for node in batch.nodes {
            guard let number = codec.nodes[node] else {
                preconditionFailure("a node that was taken has a number")
            }
            try put(.node, number, node.bytes)
        }
        if let keys = batch.signing { try put(keys) }
        if let history = batch.history {
            putHistory.bind(1, HistoryRow.write(history))
            try putHistory.run()
        }
        // In the order of the tables, so that neighbours share a page while it is at hand.
        for key in batch.keys.keys.sorted() {
            guard let record = batch.keys[key] ?? nil else {
                removeKey.bind(1, key.bytes)
                try removeKey.run()
                continue
            }
            putKey.bind(1, key.bytes)
            putKey.bind(2, RowCodec.write(record))
            try putKey.run()
        }
        for block in batch.blocks.keys.sorted() {
            if let change = batch.blocks[block] { try put(change) }
        }
        for (value, lease) in batch.leases {
            if let lease {
                try put(.lease, value.number, RowCodec.write(lease))
            } else {
                try remove(.lease, value.number)
            }
        }
        try put(batch.outcomes, floor: batch.state.outcomeFloor)
    }

    private func put(_ table: Table, _ number: UInt64, _ record: [UInt8]) throws(StoreFailure) {
        guard let statement = putRow[table] else { preconditionFailure("every table has one") }
        statement.bind(1, number)
        statement.bind(2, record)
        try statement.run()
    }

    private func remove(_ table: Table, _ number: UInt64) throws(StoreFailure) {
        guard let statement = removeRow[table] else { preconditionFailure("every table has one") }
        statement.bind(1, number)
        try statement.run()
    }

    private func put(_ change: Pending.BlockChange) throws(StoreFailure) {
        if let before = change.before { try remove(before, keeping: change.after) }
        guard let after = change.after else { return }
        switch after.state {
        case .open: try put(.open, after.block.number, codec.write(after, start: start))
        case .doomed: try put(.doomed, after.block.number, codec.write(after, start: start))
        case .sealed:
            putExtent.bind(1, after.value.number)
            putExtent.bind(2, after.position)
            putExtent.bind(3, codec.writeExtent(after))
            try putExtent.run()
            try put(.block, after.block.number, RowCodec.writePlace(after))
        }
    }

    /// Removes the rows of a block, but for those that `after` writes over.
    private func remove(
        _ before: BlockRecord, keeping after: BlockRecord?
    ) throws(StoreFailure) {
        let staysInTable =
            switch (before.state, after?.state) {
            case (.open, .open), (.doomed, .doomed), (.sealed, .sealed): true
            default: false
            }
        switch before.state {
        case .open: if !staysInTable { try remove(.open, before.block.number) }
        case .doomed: if !staysInTable { try remove(.doomed, before.block.number) }
        case .sealed:
            if !staysInTable { try remove(.block, before.block.number) }
            let isSamePlace =
                staysInTable && before.value == after?.value && before.position == after?.position
            guard !isSamePlace else { return }
            removeExtent.bind(1, before.value.number)
            removeExtent.bind(2, before.position)
            try removeExtent.run()
        }
    }

    /// The answers of one transaction are one row.
    private func put(_ outcomes: [Pending.Outcome], floor: UInt64) throws(StoreFailure) {
        guard let last = outcomes.last else { return }
        var writer = RecordWriter(capacity: outcomes.count * 128)
        for outcome in outcomes {
            writer.identifier(outcome.name.client)
            writer.number(outcome.name.request)
            writer.number(outcome.sequence)
            writer.counted(outcome.reply)
        }
        try put(.outcome, last.sequence, writer.bytes)
        forget.bind(1, floor)
        try forget.run()
    }

    private func put(_ keys: SigningKeys.Saved) throws(StoreFailure) {
        try connection.run("DELETE FROM signing")
        for (place, record) in SigningRows.write(keys, boot: boot) {
            try put(.signing, place, record)
        }
    }
}
