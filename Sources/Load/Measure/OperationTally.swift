import Synchronization
import System

/// What came of the operations of one phase: of one worker, and by `add` of all.
package struct OperationTally: Codable, Sendable {
    /// Different failures that are kept; the rest is only counted.
    package static let mostReasons = 8

    package struct Reason: Codable, Sendable, Equatable {
        package let failure: LoadFailure
        package var count: UInt64
    }

    package var operations: UInt64 = 0
    package var bytes: UInt64 = 0
    package var failed: UInt64 = 0
    /// Objects whose bytes were not what was put, delivered or found out by a checksum.
    package var wrong: UInt64 = 0
    /// Streams begun again and replicas passed over, for operations that then went well.
    package var retries: UInt64 = 0
    /// Due before the end of an open loop, and never begun.
    package var missed: UInt64 = 0
    package var latencies = Latencies()
    /// The first failures, in the order in which they came.
    package private(set) var reasons: [Reason] = []
    /// On the host's monotonic clock; 0 when there were none.
    package private(set) var firstDone: UInt64 = 0
    package private(set) var lastDone: UInt64 = 0

    package init() {}

    package mutating func done(bytes count: UInt64, intended: UInt64, at now: UInt64) {
        operations += 1
        bytes += count
        latencies.record(now - min(now, intended))
        if firstDone == 0 { firstDone = now }
        lastDone = now
    }

    package mutating func fail(_ failure: LoadFailure, at now: UInt64) {
        failed += 1
        note(failure, 1)
        lastDone = now
    }

    private mutating func note(_ failure: LoadFailure, _ count: UInt64) {
        if let index = reasons.firstIndex(where: { $0.failure == failure }) {
            reasons[index].count += count
        } else if reasons.count < Self.mostReasons {
            reasons.append(Reason(failure: failure, count: count))
        }
    }

    package mutating func add(_ other: Self) {
        operations += other.operations
        bytes += other.bytes
        failed += other.failed
        wrong += other.wrong
        retries += other.retries
        missed += other.missed
        latencies.add(other.latencies)
        for reason in other.reasons { note(reason.failure, reason.count) }
        if other.firstDone > 0 {
            firstDone = firstDone == 0 ? other.firstDone : min(firstDone, other.firstDone)
        }
        lastDone = max(lastDone, other.lastDone)
    }

    /// Moves the times of another host's clock to one whose zero is the start of the phase.
    package mutating func count(from start: UInt64) {
        if firstDone > 0 { firstDone -= min(firstDone, start) }
        if lastDone > 0 { lastDone -= min(lastDone, start) }
    }
}

/// What one worker has done so far, for whoever shows it while it runs.
package final class LiveCounts: Sendable {
    private let operations = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let failed = Atomic<UInt64>(0)
    private let flag: StopSignal

    package init(_ flag: StopSignal) { self.flag = flag }

    package func store(_ tally: OperationTally, moved: UInt64) {
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
