import Glibc
import System

/// Copies of a namenode's directory. A backup is such a directory itself, complete when it has its
/// `namespace.json`.
package enum NamespaceBackup {
    /// Copies a namespace, which a namenode may have open, into a directory that has none.
    package static func make(of directory: String, in target: String) throws {
        _ = try NamespaceDirectory.open(directory)
        try prepare(target)
        try StoreCare.copy(from: directory, to: target)
        try finish(from: directory, to: target, isBackup: true)
    }

    /// Makes a directory from a backup, which is checked first. Numbers given away since the backup
    /// was made are not given again.
    package static func restore(_ backup: String, to directory: String) throws {
        let found = try NamespaceDirectory.open(backup)
        guard found.format == NamespaceDirectory.formatVersion else {
            throw DirectoryFailure.damaged(backup, reason: "backups have no older format")
        }
        if let problem = try StoreCare.check(in: backup).first {
            throw DirectoryFailure.damaged("\(backup)/\(SQLiteStore.file)", reason: problem)
        }
        try prepare(directory)
        let lock = try NamespaceDirectory.lock(directory)
        defer { _ = close(lock) }
        try StoreCare.copy(from: backup, to: directory)
        try StoreCare.giveUpLater(in: directory)
        try finish(from: backup, to: directory, isBackup: false)
    }

    /// Goes on with a namespace that is older than what its datanodes have heard of, or whose log
    /// has lost its end: as after a restore of it, in its place.
    package static func accept(_ directory: String) throws {
        _ = try NamespaceDirectory.open(directory).served()
        let lock = try NamespaceDirectory.lock(directory)
        defer { _ = close(lock) }
        try StoreCare.giveUpLater(in: directory)
    }

    private static func prepare(_ target: String) throws(DirectoryFailure) {
        if mkdir(target, 0o700) != 0, errno != EEXIST {
            throw .system(target, SystemFailure("mkdir"))
        }
        let names = [
            NamespaceDirectory.namespaceFile, NamespaceDirectory.secretFile, SQLiteStore.file,
        ]
        for name in names where access("\(target)/\(name)", F_OK) == 0 { throw .exists(target) }
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
