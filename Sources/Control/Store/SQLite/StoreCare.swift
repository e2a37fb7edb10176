import Glibc
import Wire

/// What an operator does with a namespace's database beside serving it. All but `restore` may run
/// while a namenode has it open: they see one committed state of it.
package enum StoreCare {
    private static let cacheKiB = 64 << 10

    private static func path(_ directory: String) -> String { "\(directory)/\(SQLiteStore.file)" }

    private static func open(_ directory: String) throws(StoreFailure) -> SQLiteConnection {
        let path = path(directory)
        // A namenode that has it open writes to the WAL meanwhile, and has looked itself.
        if !NamespaceDirectory.isLocked(directory) {
            try StartCheck(path: path, marker: "\(directory)/\(SQLiteStore.markerFile)").run()
        }
        let connection = try SQLiteConnection(path, .write, cacheKiB: cacheKiB)
        try Schema.check(connection)
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
        let quoted = made.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "''")
        try connection.run("VACUUM INTO '\(quoted)'")
        let copy = try SQLiteConnection(made, .write, cacheKiB: 1_024)
        try copy.run("PRAGMA synchronous = FULL")
        try copy.run("PRAGMA journal_mode = WAL")
        try copy.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try sync(made)
    }

    /// Has the counters begin behind all that the namespace can have given away since this copy
    /// was made: 2^32 numbers of each kind are left out, and as many again up to 2^16 times, drawn
    /// by chance, so that a copy that is restored twice does not give the same numbers twice.
    package static func skipNumbers(in directory: String) throws(StoreFailure) {
        let connection = try open(directory)
        try connection.run("PRAGMA synchronous = FULL")
        var state = try StoreLoader.state(connection)
        state.commits += 1
        let skipped = UInt64.random(in: 1...(1 << 16))
        // Kept answers are numbered for the store alone, and without a gap.
        for counter in Mutation.Counter.allCases where counter != .outcome {
            state[counter] = ((state[counter] >> 32) + skipped) << 32 | 1
        }
        try StoreLoader.put(state, connection)
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        try sync(path(directory))
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
