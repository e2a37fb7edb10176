import Synchronization

/// Once it is set no operation begins any more; those under way end.
package final class CancelFlag: Sendable {
    private let cancelled = Atomic<Bool>(false)

    package init() {}

    /// From any thread.
    /// - Returns: whether it was set before.
    @discardableResult
    package func cancel() -> Bool { cancelled.exchange(true, ordering: .relaxed) }

    package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}
