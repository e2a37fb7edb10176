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
        if wal.frames == 0, access(marker, F_OK) == 0 {
            throw StoreFailure(
                "\(path)-wal holds no whole transaction (offset \(wal.end)), and the last "
                    + "namenode did not end cleanly: restore a backup")
        }
        try file.requireWhole(pagesElsewhere: wal.pages, count: wal.databasePages)
    }
}
