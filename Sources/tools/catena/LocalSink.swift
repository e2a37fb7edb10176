import Client
import ControlClient
import Glibc
import System
import ToolSupport

/// Where a get's bytes go: into a partial file beside the one that is asked for, which takes its
/// place when every byte is there and checked. Without a place for a partial file they go straight
/// into it, as they do into a pipe, a device or standard output.
struct LocalSink: ~Copyable {
    let payload: PayloadSink
    private let path: LocalPath
    private let way: Way

    private enum Way {
        /// To a pipe, a device or standard output.
        case straight
        /// Into a file that was last written then (inode.7).
        case inPlace(since: timespec)
        case partial(PartialFile)
    }

    /// - Parameter path: `-` for standard output.
    init(_ path: LocalPath) throws(ToolFailure) {
        let opened = try Self.open(path)
        self.path = path
        way = opened.way
        let isSeekable = if case .straight = opened.way { false } else { true }
        payload = PayloadSink(descriptor: opened.descriptor, isSeekable: isSeekable)
    }

    /// Whether a file that was there before has bytes of the value by now. Its own times say so: a
    /// failure may come before the session has told of any byte.
    var isCut: Bool {
        guard case .inPlace(let before) = way else { return false }
        var facts = stat()
        guard fstat(payload.descriptor, &facts) == 0 else { return true }
        let now = facts.st_mtim
        return now.tv_sec != before.tv_sec || now.tv_nsec != before.tv_nsec
    }

    /// What killed gets had left of the same file, and is gone now.
    var leftovers: [LocalPath] {
        if case .partial(let partial) = way { partial.leftovers } else { [] }
    }

    private static func open(
        _ path: LocalPath
    ) throws(ToolFailure) -> (way: Way, descriptor: CInt) {
        guard !path.isStandard else {
            try StandardStream.output.demandWritable()
            return (.straight, STDOUT_FILENO)
        }
        var facts = stat()
        let exists = path.withCString { stat($0, &facts) } == 0
        guard exists || !isLink(path) else {
            throw failure(
                path, "it is a symbolic link to what is not there: remove it, or make the file")
        }
        let kind = facts.st_mode & S_IFMT
        guard !exists || kind != S_IFDIR else { throw failure(path, "it is a directory") }
        guard !exists || kind == S_IFREG else { return (.straight, try existing(path)) }
        do throws(PartialFile.Failure) {
            // A link stays a link, and what it points to is replaced. What takes a file's place is
            // no more open to others than the file was.
            let partial = try PartialFile(
                for: exists ? resolved(path) : path, mode: exists ? facts.st_mode & 0o777 : 0o666)
            return (.partial(partial), partial.descriptor)
        } catch {
            // In a directory that this user may not write there may be a file that he may.
            guard exists, [EACCES, EPERM, EROFS].contains(error.number) else {
                throw failure(path, errorText(error.number))
            }
            return (.inPlace(since: facts.st_mtim), try existing(path))
        }
    }

    private static func existing(_ path: LocalPath) throws(ToolFailure) -> CInt {
        let descriptor = path.withCString { Glibc.open($0, O_WRONLY | O_CLOEXEC) }
        guard descriptor != -1 else { throw failure(path, errorText(errno)) }
        return descriptor
    }

    /// Puts the whole value in its place.
    ///
    /// - Parameter length: of the value.
    consuming func commit(length: UInt64) throws(ToolFailure) {
        switch way {
        case .straight: return
        case .inPlace:
            guard ftruncate(payload.descriptor, off_t(length)) == 0 else {
                throw Self.failure(
                    path, "\(errorText(errno)): it has the value and old bytes behind it")
            }
        case .partial(let partial):
            do throws(PartialFile.Failure) {
                try partial.takePlace()
            } catch {
                let reason = errorText(error.number)
                throw Self.failure(
                    path,
                    error.isTargetCut
                        ? "\(reason): something is mounted on it, so it was written in place, and "
                            + "has only a part of the value" : reason)
            }
        }
    }

    deinit {
        if case .partial(let partial) = way {
            partial.end()
        } else if payload.descriptor != STDOUT_FILENO {
            close(payload.descriptor)
        }
    }

    private static func isLink(_ path: LocalPath) -> Bool {
        var facts = stat()
        return path.withCString { lstat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFLNK
    }

    private static func resolved(_ path: LocalPath) -> LocalPath {
        guard let real = path.withCString({ realpath($0, nil) }) else { return path }
        defer { free(real) }
        return LocalPath(bytes: (0..<strlen(real)).map { UInt8(bitPattern: real[$0]) })
    }

    private static func failure(_ path: LocalPath, _ reason: String) -> ToolFailure {
        ToolFailure(.io, "\(path) cannot be written: \(reason)")
    }
}
