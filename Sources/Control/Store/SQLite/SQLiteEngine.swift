import Glibc
import System
import Wire

/// The namespace in a SQLite database, in a directory of its own: WAL, synchronous=FULL, one
/// writer.
package struct SQLiteEngine: NamespaceEngine {
    package static let file = "namespace.db"
    /// There while a namenode has the database open, and after one that did not end cleanly.
    static let markerFile = "namespace.open"

    private static let writerCacheKiB = 64 << 10
    private static let readerCacheKiB = 512 << 10

    package let directory: String

    package init(_ directory: String) { self.directory = directory }

    /// The database's file.
    package var name: String { "\(directory)/\(Self.file)" }
    var marker: String { "\(directory)/\(Self.markerFile)" }

    package var exists: Bool { access(name, F_OK) == 0 }

    // MARK: Making

    /// Makes the database beside its place, so that it appears whole.
    package func create(cluster: ClusterID, firstNumber: UInt64) throws(StoreFailure) {
        let draft = SQLiteEngine("\(directory)/new")
        if mkdir(draft.directory, 0o700) != 0, errno != EEXIST {
            throw Self.failure(draft.directory, "mkdir")
        }
        defer { _ = rmdir(draft.directory) }
        // A draft that did not come to its end.
        for suffix in ["", "-journal", "-wal", "-shm"] { _ = unlink(draft.name + suffix) }
        try draft.make(StoreState(cluster: cluster, firstNumber: firstNumber))
        guard chmod(draft.name, 0o600) == 0 else { throw Self.failure(draft.name, "chmod") }
        // Nothing is in them any more: `make` has moved all of it into the database.
        for suffix in ["-wal", "-shm"] { _ = unlink(draft.name + suffix) }
        guard rename(draft.name, name) == 0 else { throw Self.failure(name, "rename") }
        do { try DurableFile.syncDirectory(directory) } catch { throw StoreFailure("\(error)") }
    }

    private func make(_ state: StoreState) throws(StoreFailure) {
        let connection = try SQLiteConnection(name, .create, cacheKiB: 1_024)
        try PageChecks.reserve(connection)
        try Schema.create(connection, state: state)
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    // MARK: Opening

    /// Costs what the leases, open blocks and kept answers cost, and a look at the WAL.
    package func load(
        cluster: ClusterID, now: Int64, boot: String
    ) throws(StoreFailure) -> LoadedNamespace {
        let check = StartCheck(self)
        let remarks = try check.run()
        let connection = try SQLiteConnection(name, .write, cacheKiB: Self.writerCacheKiB)
        try Schema.check(connection)
        try connection.run("PRAGMA synchronous = FULL")
        var state = try StoreLoader.state(connection)
        let history = try StoreLoader.history(connection)
        try check.requireWhole(state, hasHistory: history != NamespaceHistory())
        guard state.cluster == cluster else {
            throw StoreFailure(
                "\(name) is the namespace of cluster \(state.cluster), "
                    + "this directory is cluster \(cluster)'s")
        }
        try Schema.upgrade(connection)
        // From here on there is a WAL, which a start that does not find it is to miss.
        state.begin()
        try StoreLoader.put(state, connection)
        let end = try LogEnd(in: directory)
        try end.write(state.commits)
        try end.sync()
        try mark()
        let place = StorePlace(
            [name, name + "-wal", "\(directory)/\(LogEnd.file)"]
                + ["\(directory)/\(NamespaceDirectory.lockFile)"])
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        let sink = try SQLiteSink(
            connection,
            rows: try BatchRows(connection, codec: codec, start: state.starts, boot: boot),
            end: end, place: place, marker: marker)
        let rows = try SQLiteRows(
            try SQLiteConnection(name, .read, cacheKiB: Self.readerCacheKiB), codec: codec,
            start: state.starts, opened: now)
        return try StoreLoader.load(
            connection, rows, sink, state: state, history: history, boot: boot, remarks: remarks)
    }

    private func mark() throws(StoreFailure) {
        do {
            try DurableFile.replace(
                marker, mode: 0o600,
                text: "A namenode has this namespace open, or did not end cleanly.\n")
            try DurableFile.syncDirectory(directory)
        } catch {
            throw StoreFailure("\(error)")
        }
    }

    static func failure(_ path: String, _ call: String) -> StoreFailure {
        StoreFailure("\(path): \(SystemFailure(call))", isRefusedByDisk: true)
    }
}
