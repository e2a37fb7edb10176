import Glibc
import System

/// Looks at the database's files before SQLite does, for damage that SQLite would take for less
/// history: a start must find the last committed state or say what is wrong where.
///
/// Reads the file's header and the WAL, whose length is bounded by checkpoints; and the whole file
/// when another program has moved the WAL into it.
struct StartCheck {
    private let engine: SQLiteEngine
    /// The operator has said that what there is will do: an end of the log that is missing does not
    /// count.
    private let acceptsLess: Bool
    /// Before SQLite makes one.
    private let hasWAL: Bool

    init(_ engine: SQLiteEngine, acceptsLess: Bool = false) {
        self.engine = engine
        self.acceptsLess = acceptsLess
        hasWAL = access(engine.name + "-wal", F_OK) == 0
    }

    private var path: String { engine.name }
    /// The last namenode did not end cleanly: there was something in the WAL.
    private var isUnclean: Bool { access(engine.marker, F_OK) == 0 }

    /// - Returns: what the operator should know all the same.
    func run() throws(StoreFailure) -> [String] {
        guard access(path, F_OK) == 0 else {
            throw StoreFailure("\(path): \(SystemFailure("open"))")
        }
        let file = try DatabaseHeader(path: path)
        guard hasWAL else {
            try file.requireWhole(pagesElsewhere: [])
            return isUnclean ? try withoutWAL() : []
        }
        let wal = try WALScan(path: path + "-wal")
        try file.requireWhole(pagesElsewhere: wal.pages, count: wal.databasePages)
        return isUnclean && !wal.hasFrames ? try withoutWAL() : []
    }

    /// It was removed or emptied, or another program moved it into the file.
    private func withoutWAL() throws(StoreFailure) -> [String] {
        guard let end = try end() else {
            if acceptsLess { return [] }
            throw StoreFailure(
                "\(path)-wal is missing or holds no transaction, and the last namenode did not "
                    + "end cleanly: what it committed last was in that file. Put it back, or "
                    + "restore a backup")
        }
        let pages = try ForeignCheckpoint.adopt(path) { commits throws(StoreFailure) in
            guard commits >= end else { throw cut(comesTo: commits, end: end) }
        }
        guard pages > 0 else { return [] }
        return [
            "another program has moved \(path)-wal into \(path); it is whole, and \(pages) pages "
                + "have their checksums again"
        ]
    }

    private func end() throws(StoreFailure) -> UInt64? {
        acceptsLess ? 0 : try LogEnd.read(in: engine.directory)
    }

    /// What was answered is there.
    /// - Parameter state: as SQLite finds it in file and WAL.
    func requireWhole(_ state: StoreState, hasHistory: Bool) throws(StoreFailure) {
        guard !acceptsLess else { return }
        // The database file alone must not know more than file and WAL together: that is a WAL that
        // lost its end after a checkpoint had copied it.
        if let commits = commitsInMainFile(), commits > state.commits {
            throw StoreFailure(
                "\(path)-wal ends too early: it comes to commit \(state.commits), \(path) has "
                    + "pages of commit \(commits): restore a backup")
        }
        if let end = try LogEnd.read(in: engine.directory) {
            guard state.commits >= end else {
                throw cut(comesTo: state.commits, end: end)
            }
        } else if isUnclean, hasHistory {
            throw StoreFailure(
                "\(engine.directory)/\(LogEnd.file) is missing, and the last namenode did not end "
                    + "cleanly: put it back, or go on with what is there by "
                    + "'catena-namenode accept'")
        }
    }

    private func cut(comesTo commits: UInt64, end: UInt64) -> StoreFailure {
        let log = hasWAL ? "\(path)-wal lost its end" : "\(path)-wal is missing"
        return StoreFailure(
            "\(log): what is there comes to commit \(commits), and commit \(end) was answered. "
                + "Put it back, restore a backup, or go on with what is there by "
                + "'catena-namenode accept'")
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
