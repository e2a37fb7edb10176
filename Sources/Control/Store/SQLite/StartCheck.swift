import Glibc

/// Looks at the database's files before SQLite does, for damage that SQLite would take for less
/// history: a start must find the last committed state or say what is wrong where.
///
/// Reads the file's header and the WAL, whose length is bounded by checkpoints.
struct StartCheck {
    let path: String
    let marker: String

    func run() throws(StoreFailure) {
        guard access(path, F_OK) == 0 else {
            throw StoreFailure("\(path): \(SystemFailure("open"))")
        }
        let file = try DatabaseHeader(path: path)
        guard access(path + "-wal", F_OK) == 0 else {
            guard access(marker, F_OK) != 0 else {
                throw StoreFailure(
                    "\(path)-wal is missing, and the last namenode did not end cleanly: "
                        + "what it committed last was in that file. Put it back, or restore a "
                        + "backup")
            }
            try file.requireWhole(pagesElsewhere: [])
            return
        }
        let wal = try WALScan(path: path + "-wal")
        if !wal.hasFrames, access(marker, F_OK) == 0 {
            throw StoreFailure(
                "\(path)-wal ends at offset \(wal.end) without a transaction, and the last "
                    + "namenode did not end cleanly: restore a backup")
        }
        try file.requireWhole(pagesElsewhere: wal.pages, count: wal.databasePages)
    }

    /// The database file alone must not know more than file and WAL together: that is a WAL that
    /// lost its end after a checkpoint had copied it.
    func requireNoOlder(than state: StoreState) throws(StoreFailure) {
        guard let commits = commitsInMainFile(), commits > state.commits else { return }
        throw StoreFailure(
            "\(path)-wal ends too early: it comes to commit \(state.commits), \(path) has pages of "
                + "commit \(commits): restore a backup")
    }

    /// `nil` when the file does not say: a checkpoint that was cut off leaves it half done, and
    /// the WAL has the rest.
    private func commitsInMainFile() -> UInt64? {
        do {
            let connection = try SQLiteConnection(path, .mainFileOnly, cacheKiB: 64)
            return try StoreLoader.state(connection).commits
        } catch {
            return nil
        }
    }
}
