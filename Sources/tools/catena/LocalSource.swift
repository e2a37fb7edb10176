import Client
import ControlClient
import Glibc
import ToolSupport

/// The file, pipe or device a put reads from.
struct LocalSource: ~Copyable {
    let payload: PayloadSource

    /// - Parameter path: `-` for standard input.
    init(_ path: String) throws(ToolFailure) {
        let isInput = path == "-"
        let descriptor = isInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor != -1 else {
            let number = errno
            let kind = number == ENOENT ? FailureKind.notFound : .io
            throw ToolFailure(kind, "\(path) cannot be read: \(systemSentence(number))")
        }
        var facts = stat()
        let known = fstat(descriptor, &facts) == 0
        let kind = facts.st_mode & S_IFMT
        guard known, kind != S_IFDIR else {
            let reason = known ? systemSentence(EISDIR) : systemSentence(errno)
            if !isInput { close(descriptor) }
            throw Self.failure(path, reason)
        }
        // What standard input has been read of already (`{ read line; catena put - k; } < file`) is
        // not ours.
        let start = kind == S_IFREG ? max(0, lseek(descriptor, 0, SEEK_CUR)) : 0
        // Nor does a size of 0 say that a regular file has no bytes (proc(5)).
        let isMeasured = kind == S_IFREG && start == 0 && facts.st_size > 0
        let length = isMeasured ? UInt64(facts.st_size) : nil
        payload = PayloadSource(descriptor: descriptor, length: length)
    }

    deinit {
        if payload.descriptor != STDIN_FILENO { close(payload.descriptor) }
    }

    private static func failure(_ path: String, _ reason: String) -> ToolFailure {
        ToolFailure(.io, "\(path) cannot be read: \(reason)")
    }
}
