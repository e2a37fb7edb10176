import Foundation
import Glibc

/// Copies of a namenode's directory. A backup is such a directory itself, complete when it has its
/// `namespace.json`.
package enum NamespaceBackup {
    /// Copies a namespace, which a namenode may have open, into a directory that has none.
    package static func make(of directory: String, in target: String) throws {
        _ = try NamespaceDirectory.open(directory)
        try prepare(target)
        try StoreCare.copy(from: directory, to: target)
        try finish(from: directory, to: target)
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
        try StoreCare.skipNumbers(in: directory)
        try finish(from: backup, to: directory)
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

    private static func finish(from source: String, to target: String) throws(DirectoryFailure) {
        let files: [(String, mode_t)] = [
            (NamespaceDirectory.secretFile, 0o600), (NamespaceDirectory.namespaceFile, 0o644),
        ]
        for (name, mode) in files {
            let text: String
            do { text = try String(contentsOfFile: "\(source)/\(name)", encoding: .utf8) } catch {
                throw .damaged("\(source)/\(name)", reason: "it cannot be read as text")
            }
            try DurableFile.create("\(target)/\(name)", mode: mode, text: text)
        }
        try DurableFile.syncDirectory(target)
    }
}
