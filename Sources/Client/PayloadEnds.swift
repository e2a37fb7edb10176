import Glibc
import Reactor
import System
import Wire

/// Where a put's bytes come from.
public struct PayloadSource: Sendable {
    public let descriptor: CInt
    /// `nil`: not known before the end, as with a pipe.
    public let length: UInt64?

    public init(descriptor: CInt, length: UInt64?) {
        self.descriptor = descriptor
        self.length = length
    }

    /// What is left of a regular file, from where its descriptor stands, or another descriptor's
    /// bytes to their end.
    public init(descriptor: CInt) throws(ClientError) {
        let file = try LocalFile.inspect(descriptor) { .sourceFailed(reason: $0) }
        self.init(descriptor: descriptor, length: file.rest)
    }
}

/// Where a get's bytes go.
public struct PayloadSink: Sendable {
    public let descriptor: CInt
    /// Bytes may be written at their places in any order; otherwise they are written one after
    /// another.
    public let isSeekable: Bool

    public init(descriptor: CInt, isSeekable: Bool) {
        self.descriptor = descriptor
        self.isSeekable = isSeekable
    }
}

/// A caller's descriptor as a session finds it: where it stands, and what kind of thing it is.
struct LocalFile {
    let descriptor: CInt
    /// Where it stands, when it is a regular file; bytes are then moved by place.
    let position: UInt64?
    /// Of a regular file, as it says, and 0 of others.
    let size: UInt64
    /// Its size need not be how many bytes can be read.
    private let isMadeUp: Bool
    /// When the bytes, and when anything of the file, changed last (inode.7).
    private let modified: timespec
    private let changed: timespec

    /// A file without blocks of a device says nothing by its size, unless it is longer than any
    /// that a kernel makes up: proc(5) has 0 and sysfs(5) has 4096, whatever can be read. A short
    /// file of ext4 or FUSE, or one that is all hole, has no blocks either.
    private static let madeUpBytes = 1 << 20

    /// The errno when there is nothing open.
    init(_ descriptor: CInt) throws(SystemError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw SystemError(number: errno) }
        self.descriptor = descriptor
        let isRegular = facts.st_mode & S_IFMT == S_IFREG
        let place = isRegular ? lseek(descriptor, 0, SEEK_CUR) : -1
        position = place >= 0 ? UInt64(place) : nil
        isMadeUp = facts.st_blocks == 0 && facts.st_size <= Self.madeUpBytes
        size = isRegular ? UInt64(facts.st_size) : 0
        modified = facts.st_mtim
        changed = facts.st_ctim
    }

    /// - Parameter failure: makes an error of the system's sentence.
    static func inspect(
        _ descriptor: CInt, _ failure: (String) -> ClientError
    ) throws(ClientError) -> LocalFile {
        do throws(SystemError) {
            return try LocalFile(descriptor)
        } catch {
            throw failure(errorText(error.number))
        }
    }

    /// Bytes from where it stands to its end, when that is known.
    var rest: UInt64? {
        guard let position, size > 0, !isMadeUp else { return nil }
        return size - min(position, size)
    }

    /// Whether nothing was written since `earlier`, as far as the file's times say: those of Linux
    /// before 6.13 stand still for some milliseconds.
    func isUnchanged(since earlier: LocalFile) -> Bool {
        func isSame(_ one: timespec, _ other: timespec) -> Bool {
            one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec
        }
        return size == earlier.size && isSame(modified, earlier.modified)
            && isSame(changed, earlier.changed)
    }

    /// Whatever is written goes to the end, so places mean nothing.
    var isAppending: Bool { fcntl(descriptor, F_GETFL) & O_APPEND != 0 }

    /// Leaves the descriptor standing behind the bytes that were moved, as reads and writes would.
    func stand(at place: UInt64) { _ = lseek(descriptor, off_t(place), SEEK_SET) }

    /// Clears `O_NONBLOCK` on a pipe or terminal: the ring waits for it, and a non-blocking one
    /// would have it ask in a loop. `true`: it was set, and `restore` sets it again.
    func block() -> Bool {
        guard position == nil else { return false }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, flags & O_NONBLOCK != 0 else { return false }
        return fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0
    }

    func restore(_ wasNonBlocking: Bool) {
        guard wasNonBlocking else { return }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
}

struct SystemError: Error {
    let number: CInt
}

/// A file that an engine fills a write's buffers from, or drains a read's into.
package struct PayloadFile: Sendable {
    package let descriptor: CInt
    /// Of the first byte of the block or range, in a seekable file; `nil`: at the descriptor's own
    /// position, in order.
    package let position: UInt64?

    package init(descriptor: CInt, position: UInt64?) {
        self.descriptor = descriptor
        self.position = position
    }
}
