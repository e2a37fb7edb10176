import Glibc
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
    /// Of a regular file.
    let size: UInt64

    /// The errno when there is nothing open.
    init(_ descriptor: CInt) throws(SystemError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw SystemError(number: errno) }
        self.descriptor = descriptor
        let isRegular = facts.st_mode & S_IFMT == S_IFREG
        let place = isRegular ? lseek(descriptor, 0, SEEK_CUR) : -1
        position = place >= 0 ? UInt64(place) : nil
        size = isRegular ? UInt64(facts.st_size) : 0
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
