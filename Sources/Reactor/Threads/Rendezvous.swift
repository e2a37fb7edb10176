import Dispatch
import Synchronization

/// One value handed from one thread to another, once.
public final class Rendezvous<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    public init() {}

    public func fulfil(_ value: Value) {
        self.value.withLock { held in
            precondition(held == nil, "a rendezvous is fulfilled once")
            held = value
        }
        isThere.signal()
    }

    /// Waits until the value is there. Once.
    public func wait() -> Value {
        isThere.wait()
        guard let value = value.withLock({ $0 }) else {
            preconditionFailure("a rendezvous signals after it is fulfilled")
        }
        return value
    }
}
