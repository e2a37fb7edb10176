import Synchronization
import System

/// What one worker has done so far, for whoever shows it while it runs.
package final class LiveCounts: Sendable {
    private let operations = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let failed = Atomic<UInt64>(0)
    private let flag: StopSignal

    package init(_ flag: StopSignal) { self.flag = flag }

    package func store(_ tally: Tally, moved: UInt64) {
        operations.store(tally.operations, ordering: .relaxed)
        bytes.store(moved, ordering: .relaxed)
        failed.store(tally.failed, ordering: .relaxed)
    }

    package var isCancelled: Bool { flag.wasSet }

    package var now: (operations: UInt64, bytes: UInt64, failed: UInt64) {
        (
            operations.load(ordering: .relaxed), bytes.load(ordering: .relaxed),
            failed.load(ordering: .relaxed)
        )
    }
}
