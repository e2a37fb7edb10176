import Foundation
import Glibc

/// A thread of a test's own; joined before the test ends.
package final class TestThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()

    package init(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body)
        precondition(result == 0, "a test has a thread")
    }

    package func join() { pthread_join(thread, nil) }

    /// One that ends by itself.
    package static func detach(_ run: @escaping @Sendable () -> Void) {
        Foundation.Thread.detachNewThread(run)
    }
}
