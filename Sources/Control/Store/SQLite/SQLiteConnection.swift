import CSQLite
import System

/// One connection to a database, for one thread at a time.
final class SQLiteConnection {
    enum Mode {
        case create, write
        /// Reads what is committed. The file is opened for writing all the same, since readers of
        /// a WAL write to the index they share.
        case read
        /// The main file alone, as if nothing else were there.
        case mainFileOnly
        /// The same, and its pages' checksums do not count.
        case mainFileUnchecked
    }

    /// How long a statement waits for another process's lock.
    private static let patienceMs: Int32 = 5_000

    let handle: OpaquePointer
    let path: String

    init(_ path: String, _ mode: Mode, cacheKiB: Int) throws(StoreFailure) {
        self.path = path
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI
        let name: String
        switch mode {
        case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .write, .read: flags |= SQLITE_OPEN_READWRITE
        case .mainFileOnly, .mainFileUnchecked: flags |= SQLITE_OPEN_READONLY
        }
        let isAlone = mode == .mainFileOnly || mode == .mainFileUnchecked
        let options = isAlone ? "?immutable=1" : ""
        name = "file:" + Self.escaped(path) + options
        var opened: OpaquePointer?
        let system: String? = mode == .mainFileUnchecked ? nil : PageChecks.fileSystem
        let code = sqlite3_open_v2(name, &opened, flags, system)
        guard code == SQLITE_OK, let opened else {
            let reason = opened.map(Self.message) ?? "out of memory"
            sqlite3_close_v2(opened)
            throw StoreFailure("\(path) cannot be opened: \(reason)")
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        csqlite_keep_wal(handle)
        sqlite3_busy_timeout(handle, Self.patienceMs)
        try run("PRAGMA cache_size = -\(cacheKiB)")
        try run("PRAGMA cell_size_check = ON")
        try run("PRAGMA temp_store = MEMORY")
        if mode == .read { try run("PRAGMA query_only = ON") }
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that give no rows, or whose rows nobody wants.
    func run(_ text: String) throws(StoreFailure) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure("\(text)") }
    }

    func prepare(_ text: String) throws(StoreFailure) -> SQLiteStatement {
        var made: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
        guard code == SQLITE_OK, let made else { throw failure("\(text)") }
        return SQLiteStatement(made, connection: self, text: text)
    }

    /// The one number that a statement gives.
    func number(_ text: String) throws(StoreFailure) -> Int64 {
        let statement = try prepare(text)
        guard try statement.step() else { throw StoreFailure("\(path): \(text) gave nothing") }
        return statement.integer(0)
    }

    func texts(_ text: String) throws(StoreFailure) -> [String] {
        let statement = try prepare(text)
        var found: [String] = []
        while try statement.step() {
            found.append(String(decoding: statement.bytes(0), as: UTF8.self))
        }
        return found
    }

    /// What went wrong last, in a sentence.
    func failure(_ doing: String) -> StoreFailure {
        // SQLite's own name of the file: absolute, and without links.
        let name = sqlite3_db_filename(handle, "main").map { String(cString: $0) } ?? path
        let damage = PageChecks.takeDamage(of: name)
        // A page that does not match its checksum comes as an I/O error too.
        let codes = [SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN]
        return StoreFailure(
            "\(path): \(Self.message(handle)) (\(doing))\(damage.map { "; \($0)" } ?? "")",
            isRefusedByDisk: damage == nil
                && codes.contains(sqlite3_extended_errcode(handle) & 0xff))
    }

    private static func message(_ handle: OpaquePointer) -> String {
        let text = sqlite3_errmsg(handle).map { String(cString: $0) } ?? "unknown"
        return "\(text), SQLite's code \(sqlite3_extended_errcode(handle))"
    }

    /// As a URI's path.
    private static func escaped(_ path: String) -> String {
        path.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"):
                "%" + hexadecimal(byte, digits: 2)
            default: String(decoding: [byte], as: UTF8.self)
            }
        }.joined()
    }
}
