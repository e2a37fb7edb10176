import ControlClient
import Glibc

/// Standard output or standard error, written whole and unbuffered.
public struct StandardStream: Sendable {
    public let descriptor: CInt

    package init(descriptor: CInt) { self.descriptor = descriptor }

    /// Keeps the numbers 0 to 2 for the standard streams: with one of them closed, the next socket
    /// would take its place and get what is printed. What stands in can only be read, so that
    /// writing to it is an error.
    public static func reserve() {
        while true {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard (0...2).contains(descriptor) else {
                if descriptor > 2 { close(descriptor) }
                return
            }
        }
    }

    public static let output = StandardStream(descriptor: STDOUT_FILENO)
    public static let error = StandardStream(descriptor: STDERR_FILENO)

    public var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Columns of the terminal, 80 when it does not say.
    public var columns: Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// - Returns: 0, or the error number; a reader that went away is `EPIPE` where SIGPIPE is
    ///   ignored.
    @discardableResult
    public func write(_ text: String) -> CInt {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if count >= 0 {
                written += count
                continue
            }
            switch errno {
            case EINTR: continue
            // Another process that shares the stream made it non-blocking.
            case EAGAIN: waitForRoom()
            default: return errno
            }
        }
        return 0
    }

    private func waitForRoom() {
        var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waited, 1, -1)
    }

    /// Writes a tool's result, on which its exit code depends.
    public func writeResult(_ text: String) throws(ToolFailure) {
        let number = write(text)
        guard number == 0 else {
            throw ToolFailure(.io, "the output cannot be written: \(systemSentence(number))")
        }
    }
}
