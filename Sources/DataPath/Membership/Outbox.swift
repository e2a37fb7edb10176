import Synchronization
import Wire

/// What the namenode still has to hear of this node's blocks: the newest state of each, so that its
/// size is bounded by the number of blocks however long the namenode is away.
final class Outbox: BlockObserver, Sendable {
    private struct Contents {
        var changes: [BlockID: BlockRecord] = [:]
        /// The report that was asked for last, and how many reactors still have to name their
        /// blocks for it.
        var report: UInt64 = 0
        var reactorsLeft = 0
        var counters: [DatanodeCounters]
        /// Devices out of service, each with the first reason that was given.
        var failedDevices: [Int: String] = [:]
    }

    private let reactors: Int
    private let contents: Mutex<Contents>

    init(reactors: Int = 1) {
        self.reactors = reactors
        contents = Mutex(
            Contents(
                reactorsLeft: reactors,
                counters: Array(repeating: DatanodeCounters(), count: reactors)))
    }

    func blockChanged(_ block: BlockID, _ record: BlockRecord) {
        contents.withLock { $0.changes[block] = record }
    }

    /// An answer to an older report, which was overtaken, does not count.
    func reportCompleted(_ report: UInt64) {
        contents.withLock { if $0.report == report { $0.reactorsLeft -= 1 } }
    }

    func count(_ counters: DatanodeCounters) {
        contents.withLock { $0.counters[counters.reactor] = counters }
    }

    func deviceFailed(_ device: Int, _ reason: String) {
        contents.withLock {
            if $0.failedDevices[device] == nil { $0.failedDevices[device] = reason }
        }
    }

    /// Devices out of service, and why.
    var failedDevices: [Int: String] { contents.withLock { $0.failedDevices } }

    /// Of all reactors together.
    var counters: DatanodeCounters { contents.withLock { .sum($0.counters) } }

    /// Forgets what is waiting: a new registration names everything again.
    /// - Returns: the number of that report.
    func beginReport() -> UInt64 {
        contents.withLock {
            $0.changes.removeAll()
            $0.report += 1
            $0.reactorsLeft = reactors
            return $0.report
        }
    }

    /// Takes up to `most` changes. `isComplete`: with these, every block was named.
    func take(_ most: Int) -> (changes: [(BlockID, BlockRecord)], isComplete: Bool) {
        contents.withLock { contents in
            // One walk: `first` again and again would pass the places emptied before each time, and
            // the reactor waits for this lock.
            let taken = contents.changes.prefix(most).map { ($0.key, $0.value) }
            if taken.count == contents.changes.count {
                contents.changes.removeAll(keepingCapacity: true)
            } else {
                for (block, _) in taken { contents.changes[block] = nil }
            }
            return (taken, contents.reactorsLeft == 0 && contents.changes.isEmpty)
        }
    }
}
