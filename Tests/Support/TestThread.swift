import Dispatch
import Foundation

/// A thread of a test's own; joined before the test ends.
package final class TestThread: Sendable {
    private let over = DispatchSemaphore(value: 0)

    package init(_ run: @escaping @Sendable () -> Void) {
        let over = over
        Self.detach {
            run()
            over.signal()
        }
    }

    /// Waits until its body has run.
    package func join() { over.wait() }

    /// One that ends by itself.
    package static func detach(_ run: @escaping @Sendable () -> Void) {
        Foundation.Thread.detachNewThread(run)
    }
}
