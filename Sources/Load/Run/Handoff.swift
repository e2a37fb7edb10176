import Dispatch
import Synchronization

/// Values handed from one thread to another, in order. Who puts waits for nobody: the two sides
/// take turns, so that at most a few are under way.
package final class Handoff<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let waiting = DispatchSemaphore(value: 0)

    package init() {}

    package func put(_ value: Value) {
        values.withLock { $0.append(value) }
        waiting.signal()
    }

    package func take() -> Value {
        waiting.wait()
        return first()
    }

    /// The next value, or `nil` when none came within `milliseconds`.
    package func take(within milliseconds: Int) -> Value? {
        guard waiting.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else {
            return nil
        }
        return first()
    }

    private func first() -> Value { values.withLock { $0.removeFirst() } }
}
