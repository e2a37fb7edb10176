import Synchronization

/// Asks work to end, from any thread and at any time, also before the work begins. Who works looks
/// at it between two steps.
public final class StopSignal: Sendable {
    private let isSet = Atomic<Bool>(false)

    public init() {}

    /// - Returns: whether it was set before.
    @discardableResult
    public func set() -> Bool { isSet.exchange(true, ordering: .acquiringAndReleasing) }

    public var wasSet: Bool { isSet.load(ordering: .acquiring) }
}
