import Glibc
import Wire

/// What an operator does with a namespace's database beside serving it. All but `restore` may run
/// while a namenode has it open: they see one committed state of it.
package enum StoreCare {
    private static let cacheKiB = 64 << 10

    private static func path(_ directory: String) -> String { "\(directory)/\(SQLiteStore.file)" }

    /// - Parameter check: `nil` when a namenode may have it open: then it writes to the WAL
    ///   meanwhile, and has looked itself.
    private static func open(
        _ directory: String, _ check: StartCheck? = nil
    ) throws(StoreFailure) -> SQLiteConnection {
        var check = check
        if check == nil, !NamespaceDirectory.isLocked(directory) {
            check = StartCheck(directory: directory)
        }
        _ = try check?.run()
        let connection = try SQLiteConnection(path(directory), .write, cacheKiB: cacheKiB)
        try Schema.check(connection)
        try check?.requireWhole(
            StoreLoader.state(connection),
            hasHistory: StoreLoader.history(connection) != NamespaceHistory())
        return connection
    }

    /// Reads every page and row. Answers sentences about what is wrong, none when all is well.
    package static func check(in directory: String) throws(StoreFailure) -> [String] {
        let connection = try open(directory)
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
        try walk(connection) { _, record, blocks in
            let length = blocks.reduce(0) { $0 + $1.length }
            if length != record.length, problems.count < 100 {
                problems.append(
                    "value \(record.value.number) has \(length) bytes in its blocks, its key says "
                        + "\(record.length)")
            }
        }
        return problems
    }

    /// Gives every key with its blocks, in order.
    package static func export(
        in directory: String, _ each: (Key, KeyRecord, [BlockRecord]) throws -> Void
    ) throws {
        let connection = try open(directory)
        try connection.run("BEGIN")
        var thrown: (any Error)?
        try walk(connection) { key, record, blocks in
            guard thrown == nil else { return }
            do { try each(key, record, blocks) } catch { thrown = error }
        }
        if let thrown { throw thrown }
    }

    private static func walk(
        _ connection: SQLiteConnection, _ each: (Key, KeyRecord, [BlockRecord]) -> Void
    ) throws(StoreFailure) {
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        let reader = try StoreReader(connection, codec: codec, start: 0, opened: 0)
        let rows = try reader.walkKeys(from: Key(point: []))
        defer { rows.end() }
        while let row = try rows.next() {
            let blocks = try reader.extents(of: row.record.value, holding: 0, limit: .max)
            each(row.key, row.record, blocks)
        }
    }

    /// Writes a whole copy of the database into another directory, durably.
    package static func copy(from directory: String, to target: String) throws(StoreFailure) {
        let connection = try open(directory)
        let made = path(target)
        // SQLite gives its log and index the mode that the file has when it makes them.
        let empty = Glibc.open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard empty >= 0 else { throw StoreFailure("\(made): \(SystemFailure("open"))") }
        _ = close(empty)
        let quoted = made.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "''")
        try connection.run("VACUUM INTO '\(quoted)'")
        let copy = try SQLiteConnection(made, .write, cacheKiB: 1_024)
        try copy.run("PRAGMA synchronous = FULL")
        try copy.run("PRAGMA journal_mode = WAL")
        try copy.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try sync(made)
    }

    /// Makes a state that may be older than its datanodes the one that counts, under the lock.
    ///
    /// The counters begin behind all that the namespace can have given away since: 2^32 numbers of
    /// each kind are left out, and as many again up to 2^16 times, drawn by chance, so that a copy
    /// that is restored twice does not give the same numbers twice. So does the number of commits,
    /// which tells datanodes that the later states they have heard of are given up. What was being
    /// written is forgotten and not deleted: its writer may have come to its end since, and then
    /// its blocks are somebody's value in the state that is lost.
    package static func giveUpLater(in directory: String) throws(StoreFailure) {
        let connection = try open(directory, StartCheck(directory: directory, acceptsLess: true))
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("BEGIN IMMEDIATE")
        try Schema.upgrade(connection)
        var state = try StoreLoader.state(connection)
        state.tally.sealedBlocks -= try forgetListed(connection)
        for table in ["open", "lease"] { try connection.run("DELETE FROM \(table)") }
        state.tally.blocks = state.tally.sealedBlocks
        state.tally.leases = 0
        let skipped = UInt64.random(in: 1...(1 << 16))
        // Kept answers are numbered for the store alone, and without a gap.
        for counter in Mutation.Counter.allCases where counter != .outcome {
            state[counter] = ((state[counter] >> 32) + skipped) << 32 | 1
        }
        state.commits = ((state.commits >> 32) + skipped) << 32
        var history = try StoreLoader.history(connection)
        history.giveUpOthers(below: state.commits)
        try StoreLoader.put(state, connection)
        try StoreLoader.put(history, connection)
        try connection.run("COMMIT")
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try sync(path(directory))
        // Whatever was in the WAL is given up, or in the file.
        let marker = "\(directory)/\(SQLiteStore.markerFile)"
        guard unlink(marker) == 0 || errno == ENOENT else {
            throw StoreFailure("\(marker): \(SystemFailure("unlink"))")
        }
    }

    /// Takes out what CLOSE had listed of values that are being written.
    /// - Returns: how many blocks that were.
    private static func forgetListed(_ connection: SQLiteConnection) throws(StoreFailure) -> Int {
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        let reader = try StoreReader(connection, codec: codec, start: 0, opened: 0)
        let leases = try connection.prepare("SELECT value FROM lease")
        let block = try connection.prepare("DELETE FROM block WHERE id = ?1")
        let extents = try connection.prepare("DELETE FROM extent WHERE value = ?1")
        var forgotten = 0
        while try leases.step() {
            let value = ValueID(leases.number(0))
            let listed = try reader.extents(of: value, holding: 0, limit: .max)
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

    private static func sync(_ file: String) throws(StoreFailure) {
        let descriptor = Glibc.open(file, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreFailure("\(file): \(SystemFailure("open"))") }
        defer { _ = close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else {
            throw StoreFailure("\(file): \(SystemFailure("fsync"))")
        }
    }
}
