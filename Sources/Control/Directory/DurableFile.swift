import Glibc
import System

/// Small files that survive a power cut once they are there.
package enum DurableFile {
    /// Writes a file that must not exist. A name appears only with its whole content: it is written
    /// beside its place, synced, and linked, which refuses to replace.
    package static func create(
        _ path: String, mode: mode_t, text: String
    ) throws(DirectoryFailure) {
        let draft = path + ".new"
        try write(draft, mode: mode, text: text)
        defer { _ = unlink(draft) }
        guard link(draft, path) == 0 else {
            if errno == EEXIST { throw .exists(path) }
            throw .system(path, SystemFailure("link"))
        }
    }

    /// Writes a file in the place of what may be there, at once.
    package static func replace(
        _ path: String, mode: mode_t, text: String
    ) throws(DirectoryFailure) {
        let draft = path + ".new"
        try write(draft, mode: mode, text: text)
        guard rename(draft, path) == 0 else { throw .system(path, SystemFailure("rename")) }
    }

    package static func syncDirectory(_ path: String) throws(DirectoryFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, SystemFailure("open")) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(path, SystemFailure("fsync")) }
    }

    private static func write(
        _ path: String, mode: mode_t, text: String
    ) throws(DirectoryFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .system(path, SystemFailure("open")) }
        defer { _ = close(descriptor) }
        // The umask must not decide, nor the mode of a draft that was left over.
        guard fchmod(descriptor, mode) == 0 else { throw .system(path, SystemFailure("fchmod")) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(path, SystemFailure("write")) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw .system(path, SystemFailure("fsync")) }
    }
}
