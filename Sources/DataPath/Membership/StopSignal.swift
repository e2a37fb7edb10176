import Synchronization

/// Asks a datanode to end, from any thread and at any time, also before it serves.
public final class StopSignal: Sendable {
    private let isSet = Atomic<Bool>(false)

    public init() {}

    public func set() { isSet.store(true, ordering: .releasing) }
    public var wasSet: Bool { isSet.load(ordering: .acquiring) }
}
