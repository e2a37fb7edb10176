import ControlClient
import Glibc
import System

/// Standard output or standard error, written whole and unbuffered.
public struct StandardStream: Sendable {
    public let descriptor: CInt
    public let isTerminal: Bool

    public static let output = StandardStream(descriptor: STDOUT_FILENO)
    public static let error = StandardStream(descriptor: STDERR_FILENO)

    package init(descriptor: CInt) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// Keeps the numbers 0 to 2 for the standard streams: with one of them closed, the next socket
    /// or file would take its place, and get what is printed or give what is stored. What stands in
    /// cannot be used in its direction, so that reading or writing it is an error (EBADF).
    public static func reserve() {
        for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) == -1 {
            // The lowest free number is taken, and those below are open.
            _ = open("/dev/null", (number == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC)
        }
    }

    /// Columns of the terminal, 80 when it does not say.
    public var columns: Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes text. On a terminal, what is in it and would act on the terminal is escaped.
    /// - Returns: 0, or the error number; a reader that went away is `EPIPE`.
    @discardableResult
    public func write(_ text: String) -> CInt {
        send(isTerminal ? ShownText.lines(text) : text)
    }

    /// Writes what is meant to act on a terminal.
    func draw(_ text: String) { _ = send(text) }

    private func send(_ text: String) -> CInt {
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

    /// Writes a tool's result, on which its exit code depends. A reader that has seen enough ends
    /// the program.
    public func writeResult(_ text: String) throws(ToolFailure) {
        let number = write(text)
        if number == EPIPE { Program.endWithoutReader() }
        guard number == 0 else {
            throw ToolFailure(.io, "the output cannot be written: \(errorText(number))")
        }
    }

    /// Refuses to begin what would end without its result.
    public func demandWritable() throws(ToolFailure) {
        guard fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY else { return }
        throw ToolFailure(
            .io, "standard output is closed, or open for reading only: the result has no place")
    }
}
