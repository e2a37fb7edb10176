import CSQLite

/// A prepared statement, kept for as long as its connection.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let connection: SQLiteConnection
    private let text: String

    init(_ handle: OpaquePointer, connection: SQLiteConnection, text: String) {
        self.handle = handle
        self.connection = connection
        self.text = text
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ index: Int32, _ number: UInt64) {
        // Numbers are counters and lengths: they stay below 2^63, and order as they are.
        bind(index, signed: Int64(number))
    }

    func bind(_ index: Int32, signed number: Int64) {
        check(sqlite3_bind_int64(handle, index, number))
    }

    func bind(_ index: Int32, _ bytes: [UInt8]) {
        check(
            bytes.withUnsafeBytes {
                csqlite_bind_bytes(handle, index, $0.baseAddress, Int32($0.count))
            })
    }

    /// Whether there is a row.
    func step() throws(StoreFailure) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw connection.failure(text)
        }
    }

    /// Runs to the end and is ready for the next time.
    func run() throws(StoreFailure) {
        defer { reset() }
        while try step() {}
    }

    func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func number(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    private func check(_ code: Int32) {
        precondition(code == SQLITE_OK, "a statement takes its own parameters: \(text)")
    }
}
