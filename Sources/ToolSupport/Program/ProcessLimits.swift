import ControlClient
import Dispatch
import Glibc
import System

/// What a program needs of its process, asked for before it begins: Dispatch ends a process that
/// has no descriptor for it, and waits without end for a thread.
public enum ProcessLimits {
    /// - Parameter count: threads that must be to be had, besides those that there are.
    public static func demand(threads count: Int) throws(ToolFailure) {
        let end = DispatchSemaphore(value: 0)
        for made in 0..<count {
            let result = DetachedThread.start { end.wait() }
            guard result == 0 else {
                for _ in 0..<made { end.signal() }
                throw noThread(result)
            }
        }
        for _ in 0..<count { end.signal() }
    }

    static func noThread(_ number: CInt) -> ToolFailure {
        ToolFailure(
            .unavailable,
            "no thread can be made (\(errorText(number))): "
                + "raise the limit of processes (ulimit -u, TasksMax)")
    }

    /// - Parameter count: descriptors that must be to be had, besides those that are open.
    public static func demand(descriptors count: Int) throws(ToolFailure) {
        var taken: [CInt] = []
        defer { for descriptor in taken { close(descriptor) } }
        for _ in 0..<count {
            let descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
            guard descriptor != -1 else {
                throw ToolFailure(
                    .unavailable,
                    "\(count) files cannot be open at once: \(errorText(errno))")
            }
            taken.append(descriptor)
        }
    }
}
