import Glibc
import System
import Wire

extension SQLiteStore {
    package static let file = "namespace.db"
    /// There while a namenode has the database open, and after one that did not end cleanly.
    static let markerFile = "namespace.open"

    private static let writerCacheKiB = 64 << 10
    private static let readerCacheKiB = 512 << 10

    /// Makes the database of an empty namespace, in a directory that has none.
    /// - Parameter firstNumber: where the counters begin.
    package static func create(
        in directory: String, cluster: ClusterID, firstNumber: UInt64 = 1
    ) throws(StoreFailure) {
        let path = "\(directory)/\(file)"
        let connection = try SQLiteConnection(path, .create, cacheKiB: 1_024)
        try PageChecks.reserve(connection)
        try Schema.create(connection, state: StoreState(cluster: cluster, firstNumber: firstNumber))
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Opens the namespace in a directory, for one process at a time.
    ///
    /// Costs what the leases, open blocks and kept answers cost, which are bounded, and a look at
    /// the WAL: nothing is proportional to the number of keys.
    /// - Parameters:
    ///   - now: this process's monotonic time, from which deletions of earlier ones count.
    ///   - boot: names the run of the kernel that `now` is measured in.
    package static func open(
        in directory: String, cluster: ClusterID, now: Int64, boot: String
    ) throws(StoreFailure) -> SQLiteStore {
        let path = "\(directory)/\(file)"
        let marker = "\(directory)/\(markerFile)"
        let check = StartCheck(directory: directory)
        let remarks = try check.run()
        let connection = try SQLiteConnection(path, .write, cacheKiB: writerCacheKiB)
        try Schema.check(connection)
        try connection.run("PRAGMA synchronous = FULL")
        var state = try StoreLoader.state(connection)
        let history = try StoreLoader.history(connection)
        try check.requireWhole(state, hasHistory: history != NamespaceHistory())
        guard state.cluster == cluster else {
            throw StoreFailure(
                "\(path) is the namespace of cluster \(state.cluster), "
                    + "this directory is cluster \(cluster)'s")
        }
        try Schema.upgrade(connection)
        // From here on there is a WAL, which a start that does not find it is to miss.
        state.starts += 1
        state.commits += 1
        try StoreLoader.put(state, connection)
        let end = try LogEnd(in: directory)
        try end.write(state.commits)
        try end.sync()
        try mark(marker, directory)
        let place = StorePlace(
            [path, path + "-wal", "\(directory)/\(LogEnd.file)"]
                + ["\(directory)/\(NamespaceDirectory.lockFile)"])
        let codec = RowCodec(nodes: try StoreLoader.nodes(connection))
        let writer = try StoreWriter(
            connection, codec: codec, start: state.starts, boot: boot, end: end, place: place)
        let reader = try StoreReader(
            try SQLiteConnection(path, .read, cacheKiB: readerCacheKiB), codec: codec,
            start: state.starts, opened: now)
        let store = SQLiteStore(
            path: path, reader: reader, writer: writer, state: state, place: place,
            remarks: remarks
        ) { () throws(StoreFailure) in
            guard unlink(marker) == 0 else {
                throw StoreFailure("\(marker): \(SystemFailure("unlink"))")
            }
        }
        try StoreLoader.load(store, connection, boot: boot)
        return store
    }

    private static func mark(_ marker: String, _ directory: String) throws(StoreFailure) {
        do {
            try DurableFile.replace(
                marker, mode: 0o600,
                text: "A namenode has this namespace open, or did not end cleanly.\n")
            try DurableFile.syncDirectory(directory)
        } catch {
            throw StoreFailure("\(error)")
        }
    }
}
