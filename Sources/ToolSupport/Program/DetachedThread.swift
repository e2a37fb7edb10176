import Glibc

/// A thread that lives as long as the process, or until its body ends.
enum DetachedThread {
    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// - Returns: 0, or the error number: the limit of processes may be reached (EAGAIN).
    static func start(_ body: @escaping @Sendable () -> Void) -> CInt {
        let start = Unmanaged.passRetained(Start(body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { argument in
                Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        if result == 0 { pthread_detach(handle) } else { start.release() }
        return result
    }
}
