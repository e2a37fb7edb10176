import Client
import ControlClient
import Glibc
import ToolSupport

/// The file a get writes to: a partial file beside it, renamed over it when every byte is there and
/// checked.
struct LocalSink: ~Copyable {
    let payload: PayloadSink
    private let path: String
    /// `nil` when the bytes go straight to a pipe, a device or standard output.
    private let partial: String?

    /// - Parameter path: `-` for standard output.
    init(_ path: String) throws(ToolFailure) {
        guard path != "-" else {
            self.path = path
            partial = nil
            payload = PayloadSink(descriptor: STDOUT_FILENO, isSeekable: false)
            return
        }
        var facts = stat()
        let exists = stat(path, &facts) == 0
        let kind = facts.st_mode & S_IFMT
        guard !exists || kind != S_IFDIR else {
            throw Self.failure(path, "it is a directory")
        }
        let direct = exists && kind != S_IFREG
        // A link stays a link: what it points to is replaced.
        let target = exists && !direct ? Self.resolved(path) : path
        let name = direct ? target : "\(target).partial-\(getpid())"
        let flags = direct ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        // What takes a file's place is no more open to others than the file was.
        let descriptor = open(name, flags, exists ? facts.st_mode & 0o777 : 0o666)
        guard descriptor != -1 else { throw Self.failure(name, systemSentence(errno)) }
        self.path = target
        partial = direct ? nil : name
        payload = PayloadSink(descriptor: descriptor, isSeekable: !direct)
        if !direct { Interruption.remove(name) }
    }

    /// Puts the whole file in its place.
    consuming func commit() throws(ToolFailure) {
        guard let partial else { return }
        guard rename(partial, path) == 0 else {
            throw Self.failure(path, systemSentence(errno))
        }
    }

    deinit {
        if payload.descriptor != STDOUT_FILENO { close(payload.descriptor) }
        // After a rename there is nothing of this name, and ENOENT is the expected answer.
        if let partial { unlink(partial) }
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func failure(_ path: String, _ reason: String) -> ToolFailure {
        ToolFailure(.io, "\(path) cannot be written: \(reason)")
    }
}
