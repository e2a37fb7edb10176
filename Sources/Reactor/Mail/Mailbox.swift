import Synchronization

/// The one way into a reactor from other threads: a bounded queue and a wake-up.
///
/// A full mailbox refuses; what to do then is the sender's decision. Messages keep their order.
public final class Mailbox<Message: Sendable>: Sendable {
    public enum Answer: Sendable, Equatable {
        case taken
        /// At the bound: try again later.
        case busy
        /// The reactor has ended.
        case closed
    }

    private struct Contents {
        var messages: [Message] = []
        var isClosed = false
    }

    public let capacity: Int
    private let contents: Mutex<Contents>
    private let waiting = Atomic<Int>(0)
    private let waker: RingWaker

    public init(capacity: Int, waker: RingWaker) {
        precondition(capacity > 0, "a mailbox holds something")
        self.capacity = capacity
        self.waker = waker
        contents = Mutex(Contents())
        contents.withLock { $0.messages.reserveCapacity(capacity) }
    }

    public func post(_ message: sending Message) -> Answer {
        let message = message
        let answer = contents.withLock { contents -> Answer in
            guard !contents.isClosed else { return .closed }
            guard contents.messages.count < capacity else { return .busy }
            contents.messages.append(message)
            waiting.store(contents.messages.count, ordering: .releasing)
            return .taken
        }
        if answer == .taken { waker.wake() }
        return answer
    }

    /// Whether a drain would find something; costs one load.
    public var isEmpty: Bool { waiting.load(ordering: .acquiring) == 0 }

    /// Takes everything, oldest first. For the reactor's thread.
    public func drain() -> [Message] {
        guard !isEmpty else { return [] }
        return contents.withLock { contents in
            let messages = contents.messages
            contents.messages.removeAll(keepingCapacity: true)
            waiting.store(0, ordering: .releasing)
            return messages
        }
    }

    /// Refuses from now on; what was posted stays to be drained.
    public func close() { contents.withLock { $0.isClosed = true } }
}
