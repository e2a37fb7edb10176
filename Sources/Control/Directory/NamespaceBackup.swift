import Glibc
import System

/// Copies of a namenode's directory. A backup is such a directory itself, complete when it has its
/// `namespace.json`.
package enum NamespaceBackup {
    /// Copies a namespace, which a namenode may have open, into a directory that has none.
    package static func make(of directory: String, in target: String) throws {
        let store = try NamespaceDirectory.open(directory).store
        try prepare(target)
        try store.copy(to: NamespaceDirectory.store(in: target))
        try finish(from: directory, to: target, isBackup: true)
    }

    /// Makes a directory from a backup, which is checked first. Numbers given away since the backup
    /// was made are not given again.
    package static func restore(_ backup: String, to directory: String) throws {
        let found = try NamespaceDirectory.open(backup)
        guard found.format == NamespaceDirectory.formatVersion else {
            throw DirectoryFailure.damaged(backup, reason: "backups have no older format")
        }
        if let problem = try found.store.check().first {
            throw DirectoryFailure.damaged(found.store.name, reason: problem)
        }
        try prepare(directory)
        let lock = try NamespaceDirectory.lock(directory)
        defer { _ = close(lock) }
        let store = NamespaceDirectory.store(in: directory)
        try found.store.copy(to: store)
        try giveUpLater(store)
        try finish(from: backup, to: directory, isBackup: false)
    }

    /// Goes on with a namespace that is older than what its datanodes have heard of, or whose log
    /// has lost its end: as after a restore of it, in its place.
    package static func accept(_ directory: String) throws {
        let store = try NamespaceDirectory.open(directory).served().store
        let lock = try NamespaceDirectory.lock(directory)
        defer { _ = close(lock) }
        try giveUpLater(store)
    }

    private static func giveUpLater(_ store: some NamespaceEngine) throws(StoreFailure) {
        var generator = SystemRandomNumberGenerator()
        try store.giveUpLater(using: &generator)
    }

    private static func prepare(_ target: String) throws(DirectoryFailure) {
        if mkdir(target, 0o700) != 0, errno != EEXIST {
            throw .system(target, SystemFailure("mkdir"))
        }
        try NamespaceDirectory.requireNone(target)
    }

    private static func finish(
        from source: String, to target: String, isBackup: Bool
    ) throws(DirectoryFailure) {
        let name = NamespaceDirectory.secretFile
        let secret = try NamespaceDirectory.read("\(source)/\(name)")
        try DurableFile.create("\(target)/\(name)", mode: 0o600, text: secret)
        try NamespaceDirectory.copyNamespace(from: source, to: target, isBackup: isBackup)
        try DurableFile.syncDirectory(target)
    }
}
