import Client
import ControlClient
import Glibc
import System
import ToolSupport

/// The file, pipe or device a put reads from.
struct LocalSource: ~Copyable {
    let payload: PayloadSource

    /// - Parameter path: `-` for standard input.
    init(_ path: LocalPath) throws {
        let isInput = path.isStandard
        let descriptor =
            isInput ? STDIN_FILENO : path.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor != -1 else {
            let number = errno
            let kind = number == ENOENT ? FailureKind.notFound : .io
            throw ToolFailure(kind, "\(path) cannot be read: \(errorText(number))")
        }
        if let reason = Self.refusal(descriptor) {
            if !isInput { close(descriptor) }
            let name = isInput ? "standard input" : "\(path)"
            throw ToolFailure(.io, "\(name) cannot be read: \(reason)")
        }
        payload = try PayloadSource(descriptor: descriptor)
    }

    deinit {
        if payload.descriptor != STDIN_FILENO { close(payload.descriptor) }
    }

    /// Why a descriptor gives no bytes, before anything is asked of the namenode.
    private static func refusal(_ descriptor: CInt) -> String? {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return errorText(errno) }
        guard facts.st_mode & S_IFMT != S_IFDIR else { return errorText(EISDIR) }
        let access = fcntl(descriptor, F_GETFL) & O_ACCMODE
        return access == O_WRONLY ? "it is closed, or open for writing only" : nil
    }
}
