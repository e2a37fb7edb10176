import Glibc
import System
import Wire

// What an operator does with a namespace's database beside serving it. All but `giveUpLater` may
// run while a namenode has it open: they see one committed state of it.
extension SQLiteEngine {
    private static let careCacheKiB = 64 << 10

    /// - Parameter check: `nil` when a namenode may have it open: then it writes to the WAL
    ///   meanwhile, and has looked itself.
    private func connect(_ check: StartCheck? = nil) throws(StoreFailure) -> SQLiteConnection {
        var check = check
        if check == nil, !NamespaceDirectory.isLocked(directory) { check = StartCheck(self) }
        _ = try check?.run()
        let connection = try SQLiteConnection(name, .write, cacheKiB: Self.careCacheKiB)
        try Schema.check(connection)
        try check?.requireWhole(
            StoreLoader.state(connection),
            hasHistory: StoreLoader.history(connection) != NamespaceHistory())
        return connection
    }

    package func reading<Value>(
        _ body: (any CommittedRows) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value {
        let connection = try connect()
        try connection.run("BEGIN")
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        return try body(try SQLiteRows(connection, codec: codec, start: 0, opened: 0))
    }

    /// Reads every page, and counts every table.
    package func damage() throws(StoreFailure) -> [String] {
        let connection = try connect()
        try connection.run("BEGIN")
        var problems = try connection.texts("PRAGMA integrity_check").filter { $0 != "ok" }
        guard problems.isEmpty else { return problems }
        let tally = try StoreLoader.state(connection).tally
        let counts: [(String, Int)] = [
            ("key", tally.keys), ("block", tally.sealedBlocks), ("extent", tally.sealedBlocks),
            ("open", tally.blocks - tally.sealedBlocks), ("doomed", tally.doomedBlocks),
            ("lease", tally.leases),
        ]
        for (table, expected) in counts {
            let found = try connection.number("SELECT count(*) FROM \(table)")
            if found != Int64(expected) {
                problems.append("\(table) has \(found) rows, the counters say \(expected)")
            }
        }
        return problems
    }

    package func copy(to other: SQLiteEngine) throws(StoreFailure) {
        let connection = try connect()
        // SQLite gives its log and index the mode that the file has when it makes them.
        let empty = Glibc.open(other.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard empty >= 0 else { throw Self.failure(other.name, "open") }
        _ = close(empty)
        let quoted = other.name.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "''")
        try connection.run("VACUUM INTO '\(quoted)'")
        let copy = try SQLiteConnection(other.name, .write, cacheKiB: 1_024)
        try copy.run("PRAGMA synchronous = FULL")
        try copy.run("PRAGMA journal_mode = WAL")
        try copy.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try other.sync()
    }

    package func giveUpLater(
        using generator: inout some RandomNumberGenerator
    ) throws(StoreFailure) {
        let connection = try connect(StartCheck(self, acceptsLess: true))
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("BEGIN IMMEDIATE")
        try Schema.upgrade(connection)
        var state = try StoreLoader.state(connection)
        state.tally.sealedBlocks -= try forgetListed(connection)
        for table in ["open", "lease"] { try connection.run("DELETE FROM \(table)") }
        var history = try StoreLoader.history(connection)
        state.giveUpLater(&history, using: &generator)
        try StoreLoader.put(state, connection)
        try StoreLoader.put(history, connection)
        try connection.run("COMMIT")
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try sync()
        // Whatever was in the WAL is given up, or in the file.
        guard unlink(marker) == 0 || errno == ENOENT else { throw Self.failure(marker, "unlink") }
    }

    /// Takes out what CLOSE had listed of values that are being written.
    /// - Returns: how many blocks that were.
    private func forgetListed(_ connection: SQLiteConnection) throws(StoreFailure) -> Int {
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        let rows = try SQLiteRows(connection, codec: codec, start: 0, opened: 0)
        let leases = try connection.prepare("SELECT value FROM lease")
        let block = try connection.prepare("DELETE FROM block WHERE id = ?1")
        let extents = try connection.prepare("DELETE FROM extent WHERE value = ?1")
        var forgotten = 0
        while try leases.step() {
            let value = ValueID(leases.number(0))
            let listed = try rows.sealed(of: value, holding: 0, limit: .max)
            for record in listed {
                block.bind(1, record.block.number)
                try block.run()
            }
            extents.bind(1, value.number)
            try extents.run()
            forgotten += listed.count
        }
        return forgotten
    }

    private func sync() throws(StoreFailure) {
        let descriptor = Glibc.open(name, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(name, "open") }
        defer { _ = close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else {
            throw Self.failure(name, "fsync")
        }
    }
}
