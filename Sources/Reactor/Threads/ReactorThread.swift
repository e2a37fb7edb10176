import CURing
import Glibc
import Synchronization
import System

/// A thread of our own for a reactor or a blocking conversation: never one of a pool's, which may
/// retire. The kernel cancels the pending operations of a thread that ends (io_uring_setup.2,
/// IORING_SETUP_SINGLE_ISSUER).
public final class ReactorThread: Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread named `name` (15 characters show).
    /// - Throws: `RingFailure` when the system gives no more threads.
    public init(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) throws(RingFailure) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped)
                    .takeRetainedValue()
                curing_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw RingFailure(
                errno: result,
                "no thread can be made (\(errorText(result))): "
                    + "raise the limit of processes (ulimit -u, TasksMax)")
        }
        self.handle = handle
    }

    /// Waits until the thread has ended. Once.
    public func join() { pthread_join(handle, nil) }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = String(name.prefix(15))
            self.body = body
        }
    }
}
