import Foundation
import Glibc
import System
import Wire

/// The namenode's directory: `namespace.json`, which names the cluster, `cluster.secret`, which its
/// datanodes prove to know, and the namespace's store. `namespace.json` is written last and
/// durably: its presence means a whole format.
package struct NamespaceDirectory: Sendable, Equatable {
    /// 1 had the namespace in memory, and a count of starts beside it; 2 has it in a database.
    package static let formatVersion = 2
    package static let namespaceFile = "namespace.json"
    package static let secretFile = "cluster.secret"
    package static let lockFile = "lock"
    static let startsFile = "starts"
    package static let secretBytes = 32

    package let path: String
    package let cluster: ClusterID
    /// As it was found; `upgrade` makes an older one this program's.
    package let format: Int
    /// 32 bytes.
    package let secret: [UInt8]
    /// A backup is restored, and never served itself: it is older than its cluster.
    package var isBackup = false

    private struct Namespace: Codable {
        var format: Int
        var cluster: String
        /// For people; nothing depends on it.
        var made: String
        var backup: Bool?
    }

    /// Makes an empty namespace; the directory may exist, but not with a namespace in it.
    package static func format(
        _ path: String, cluster: ClusterID, secret: [UInt8], made: Date
    ) throws(DirectoryFailure) -> NamespaceDirectory {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw .system(path, SystemFailure("mkdir"))
        }
        try requireNone(path)
        let lock = try lock(path)
        defer { _ = close(lock) }
        try DurableFile.create(
            "\(path)/\(secretFile)", mode: 0o600, text: SecretFile.text(of: secret))
        try makeStore(path, cluster: cluster, firstNumber: 1)
        let namespace = Namespace(
            format: formatVersion, cluster: cluster.description,
            made: made.formatted(.iso8601))
        try DurableFile.create(
            "\(path)/\(namespaceFile)", mode: 0o600, text: try text(of: namespace) + "\n")
        try DurableFile.syncDirectory(path)
        return NamespaceDirectory(
            path: path, cluster: cluster, format: formatVersion, secret: secret)
    }

    /// Reads what `format` made.
    package static func open(_ path: String) throws(DirectoryFailure) -> NamespaceDirectory {
        guard access("\(path)/\(namespaceFile)", F_OK) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw .notFormatted(path) }
            throw .system("\(path)/\(namespaceFile)", SystemFailure("access"))
        }
        let namespace = try readNamespace(path)
        let file = "\(path)/\(namespaceFile)"
        guard namespace.format <= formatVersion else {
            throw .newerFormat(path, found: namespace.format)
        }
        guard let cluster = ClusterID(namespace.cluster) else {
            throw .damaged(file, reason: "\"\(namespace.cluster)\" is not a cluster id")
        }
        return NamespaceDirectory(
            path: path, cluster: cluster, format: namespace.format, secret: try readSecret(path),
            isBackup: namespace.backup == true)
    }

    /// The directory, unless it is one that no namenode may serve.
    package func served() throws(DirectoryFailure) -> NamespaceDirectory {
        if isBackup { throw .backup(path) }
        return self
    }

    /// The store that a directory's namespace is in: of one kind, so far.
    package static func store(in path: String) -> SQLiteEngine { SQLiteEngine(path) }

    package var store: SQLiteEngine { Self.store(in: path) }

    /// A directory may exist, but not with anything of a namespace.
    static func requireNone(_ path: String) throws(DirectoryFailure) {
        let files = [namespaceFile, secretFile].filter { access("\(path)/\($0)", F_OK) == 0 }
        guard files.isEmpty, !store(in: path).exists else { throw .exists(path) }
    }

    static func copyNamespace(
        from source: String, to target: String, isBackup: Bool
    ) throws(DirectoryFailure) {
        var namespace = try readNamespace(source)
        namespace.backup = isBackup ? true : nil
        try DurableFile.create(
            "\(target)/\(namespaceFile)", mode: 0o600, text: try text(of: namespace) + "\n")
    }

    private static func readNamespace(_ path: String) throws(DirectoryFailure) -> Namespace {
        let file = "\(path)/\(namespaceFile)"
        do {
            return try JSONDecoder().decode(Namespace.self, from: Data(try read(file).utf8))
        } catch let failure as DirectoryFailure {
            throw failure
        } catch {
            throw .damaged(file, reason: "it is not the JSON that format writes")
        }
    }

    /// Claims the directory for this process. The lock lasts as long as the descriptor is open, so
    /// it ends with the process however that ends.
    package static func lock(_ path: String) throws(DirectoryFailure) -> Int32 {
        let file = "\(path)/\(lockFile)"
        let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(file, SystemFailure("open")) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = SystemFailure("flock")
            _ = close(descriptor)
            throw failure.code == EWOULDBLOCK ? .locked(path) : .system(file, failure)
        }
        return descriptor
    }

    /// Whether a namenode has it open.
    package static func isLocked(_ path: String) -> Bool {
        do {
            _ = close(try lock(path))
            return false
        } catch {
            return true
        }
    }

    /// Makes a directory of format 1 one of format 2, under the lock; does nothing to a newer one.
    ///
    /// Format 1 kept the namespace in memory, so that there are no keys to take along. Datanodes
    /// may still hold blocks of it: the database's numbers begin behind all that it can have given
    /// away, which were 2^32 for each start.
    /// - Returns: whether there was something to do.
    package func upgrade() throws(DirectoryFailure) -> Bool {
        guard format < Self.formatVersion else { return false }
        let starts = try Self.readStarts(path)
        // One that is there was made by an upgrade that did not come to its end: nothing has used
        // it.
        if !store.exists {
            try Self.makeStore(path, cluster: cluster, firstNumber: (starts + 1) << 32 | 1)
        }
        var namespace = try Self.readNamespace(path)
        namespace.format = Self.formatVersion
        try DurableFile.replace(
            "\(path)/\(Self.namespaceFile)", mode: 0o600,
            text: try Self.text(of: namespace) + "\n")
        try DurableFile.syncDirectory(path)
        return true
    }

    private static func readStarts(_ path: String) throws(DirectoryFailure) -> UInt64 {
        let file = "\(path)/\(startsFile)"
        guard access(file, F_OK) == 0 else { return 0 }
        let text = try read(file).filter { !$0.isWhitespace }
        guard let found = UInt64(text), found < UInt64(UInt32.max >> 2) else {
            throw .damaged(file, reason: "it does not hold a count of starts")
        }
        return found
    }

    private static func makeStore(
        _ path: String, cluster: ClusterID, firstNumber: UInt64
    ) throws(DirectoryFailure) {
        let store = store(in: path)
        do throws(StoreFailure) {
            try store.create(cluster: cluster, firstNumber: firstNumber)
        } catch { throw .damaged(store.name, reason: error.reason) }
    }

    private static func readSecret(_ path: String) throws(DirectoryFailure) -> [UInt8] {
        let file = "\(path)/\(secretFile)"
        do throws(SecretFile.Failure) {
            return try SecretFile.read(file)
        } catch {
            if case .unreadable(let number) = error {
                throw .system(file, SystemFailure("open", code: number))
            }
            throw .damaged(file, reason: "it \(error)")
        }
    }

    static func read(_ file: String) throws(DirectoryFailure) -> String {
        guard access(file, R_OK) == 0 else { throw .system(file, SystemFailure("open")) }
        do { return try String(contentsOfFile: file, encoding: .utf8) } catch {
            throw .damaged(file, reason: "it cannot be read as text")
        }
    }

    private static func text(of namespace: Namespace) throws(DirectoryFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do { return String(decoding: try encoder.encode(namespace), as: UTF8.self) } catch {
            throw .damaged(namespaceFile, reason: "\(error)")
        }
    }
}
