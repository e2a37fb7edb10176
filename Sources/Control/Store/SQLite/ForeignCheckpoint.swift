import CSQLite
import Glibc
import System

/// What another program does that looks into the database of a namenode that did not end cleanly:
/// SQLite moves the WAL into the file and removes it. Nothing is lost by that, but the pages come
/// without the checksums that `PageChecks` keeps.
///
/// They get them when the file is at the end of the log, and whole by all that SQLite and the
/// counters' own checksum can say: as much as there is, without a page's sum, against damage that
/// came meanwhile.
enum ForeignCheckpoint {
    /// - Parameter judge: throws when a file that comes to this commit lacks some.
    /// - Returns: how many pages had no checksum.
    static func adopt(
        _ path: String, _ judge: (_ commits: UInt64) throws(StoreFailure) -> Void
    ) throws(StoreFailure) -> Int {
        let pages = try unmarked(path)
        guard !pages.isEmpty else { return 0 }
        let connection = try SQLiteConnection(path, .mainFileUnchecked, cacheKiB: 4_096)
        try Schema.check(connection)
        try judge(try StoreLoader.state(connection).commits)
        let problems = try connection.texts("PRAGMA integrity_check").filter { $0 != "ok" }
        if let problem = problems.first {
            throw StoreFailure("\(path) is damaged (\(problem)): restore a backup")
        }
        try mark(path, pages)
        return pages.count
    }

    private static func withPages(
        of path: String, _ flags: Int32,
        _ body: (_ file: Int32, _ page: UnsafeMutableRawPointer) throws(StoreFailure) -> Void
    ) throws(StoreFailure) {
        let file = Glibc.open(path, flags | O_CLOEXEC)
        guard file >= 0 else { throw failure(path, "open") }
        defer { _ = close(file) }
        let page = UnsafeMutableRawPointer.allocate(
            byteCount: Schema.pageBytes, alignment: Schema.pageBytes)
        defer { page.deallocate() }
        try body(file, page)
    }

    /// Numbers of the pages that do not have their checksum.
    private static func unmarked(_ path: String) throws(StoreFailure) -> [UInt32] {
        var found: [UInt32] = []
        try withPages(of: path, O_RDONLY) { file, page throws(StoreFailure) in
            var number: UInt32 = 1
            while true {
                let count = pread(file, page, Schema.pageBytes, offset(number))
                guard count >= 0 else { throw failure(path, "read") }
                guard count == Schema.pageBytes else { return }
                if !PageChecks.isWhole(page, number: number) { found.append(number) }
                number += 1
            }
        }
        return found
    }

    private static func mark(_ path: String, _ pages: [UInt32]) throws(StoreFailure) {
        try withPages(of: path, O_RDWR) { file, page throws(StoreFailure) in
            for number in pages {
                let bytes = Schema.pageBytes
                guard pread(file, page, bytes, offset(number)) == bytes else {
                    throw failure(path, "read")
                }
                PageChecks.stamp(page, number: number)
                guard pwrite(file, page, bytes, offset(number)) == bytes else {
                    throw failure(path, "write")
                }
            }
            guard fsync(file) == 0 else { throw failure(path, "fsync") }
        }
    }

    private static func offset(_ number: UInt32) -> off_t {
        off_t(number - 1) * off_t(Schema.pageBytes)
    }

    private static func failure(_ path: String, _ call: String) -> StoreFailure {
        StoreFailure("\(path): \(SystemFailure(call))", isRefusedByDisk: true)
    }
}
