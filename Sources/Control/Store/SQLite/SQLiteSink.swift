import CSQLite
import Dispatch
import Glibc
import Wire

/// Writes batches, each as a transaction, one after another on a thread of its own.
///
/// Marked unchecked because Swift cannot see what holds by construction: every property is used on
/// `queue` alone. A transaction that fails is the last: what SQLite or the kernel still holds of it
/// is not known, so nothing is tried again.
final class SQLiteSink: BatchSink, @unchecked Sendable {
    /// Pages of WAL after which they are moved into the database file.
    private static let checkpointPages: Int32 = 4_096

    private let queue = DispatchQueue(label: "catena.namenode.store")
    private let connection: SQLiteConnection
    private var rows: BatchRows
    private let logEnd: LogEnd
    private let place: StorePlace
    /// Removed by a clean end.
    private let marker: String
    private var broken: StoreFailure?
    private let walPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    private let begin: SQLiteStatement
    private let end: SQLiteStatement

    init(
        _ connection: SQLiteConnection, rows: BatchRows, end logEnd: LogEnd, place: StorePlace,
        marker: String
    ) throws(StoreFailure) {
        self.connection = connection
        self.rows = rows
        self.logEnd = logEnd
        self.place = place
        self.marker = marker
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("PRAGMA wal_autocheckpoint = 0")
        begin = try connection.prepare("BEGIN IMMEDIATE")
        end = try connection.prepare("COMMIT")
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
            try rows.put(batch)
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
}
