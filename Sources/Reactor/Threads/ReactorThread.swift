import CURing
import Glibc
import Synchronization

/// A thread of our own for a reactor or a blocking conversation: never one of a pool's, which may
/// retire and take the ring's pending operations with it (`style.md` 3.1).
public final class ReactorThread: Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread named `name` (15 characters show).
    public init(_ name: String, _ body: @escaping @Sendable () -> Void) {
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
        precondition(result == 0, "a thread can be made at start-up: \(errorText(result))")
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
