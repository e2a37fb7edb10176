import Glibc
import System

/// A folder of a file system, by system calls on its descriptor, which somebody else keeps open.
package struct KernelFolder: Folder, Sendable {
    package let path: String
    private let folder: Int32

    init(_ path: String, _ folder: Int32) {
        self.path = path
        self.folder = folder
    }

    private static var failure: FileFailure { .refused(errno) }

    package func names() throws(FileFailure) -> [String] {
        // A descriptor of its own: closedir closes it.
        let own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw Self.failure }
        guard let stream = fdopendir(own) else {
            let failure = Self.failure
            Glibc.close(own)
            throw failure
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw Self.failure }
        return names
    }

    package func facts(of name: String) throws(FileFailure) -> FileFacts {
        var state = stat()
        guard fstatat(folder, name, &state, AT_SYMLINK_NOFOLLOW) == 0 else { throw Self.failure }
        return Self.facts(state)
    }

    private static func facts(_ state: stat) -> FileFacts {
        FileFacts(
            isRegular: state.st_mode & S_IFMT == S_IFREG, isShared: state.st_mode & 0o077 != 0,
            length: UInt64(state.st_size), allocated: UInt64(state.st_blocks) * 512)
    }

    package func open(
        _ name: String, for use: FileUse
    ) throws(FileFailure) -> (file: Int32, facts: FileFacts) {
        let flags =
            switch use {
            case .reading: O_RDONLY
            case .writing: O_WRONLY
            case .making: O_WRONLY | O_CREAT
            case .remaking: O_WRONLY | O_CREAT | O_TRUNC
            }
        let file = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw Self.failure }
        var state = stat()
        guard fstat(file, &state) == 0 else {
            let failure = Self.failure
            Glibc.close(file)
            throw failure
        }
        let facts = Self.facts(state)
        guard facts.isRegular else {
            Glibc.close(file)
            throw .notRegular
        }
        return (file, facts)
    }

    package func close(_ file: Int32) { Glibc.close(file) }

    package func read(
        _ file: Int32, into memory: UnsafeMutableRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int {
        let moved = pread(file, memory, count, off_t(offset))
        guard moved >= 0 else { throw Self.failure }
        return moved
    }

    package func write(
        _ file: Int32, from memory: UnsafeRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int {
        let moved = pwrite(file, memory, count, off_t(offset))
        guard moved >= 0 else { throw Self.failure }
        return moved
    }

    package func sync(_ file: Int32) throws(FileFailure) {
        guard fsync(file) == 0 else { throw Self.failure }
    }

    package func sync() throws(FileFailure) { try sync(folder) }

    package func rename(_ name: String, to other: String) throws(FileFailure) {
        guard renameat(folder, name, folder, other) == 0 else { throw Self.failure }
    }

    package func unlink(_ name: String) -> FileFailure? {
        unlinkat(folder, name, 0) == 0 ? nil : Self.failure
    }

    package func makePrivate(_ name: String) throws(FileFailure) {
        // By the open file: what has the name by then may be a link to somewhere else.
        let file = try open(name, for: .reading).file
        defer { close(file) }
        guard fchmod(file, 0o600) == 0 else { throw Self.failure }
    }
}
