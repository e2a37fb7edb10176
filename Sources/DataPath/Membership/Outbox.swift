import Synchronization
import Wire

/// What the namenode still has to hear of this node's blocks: the newest state of each, so that its
/// size is bounded by the number of blocks however long the namenode is away.
final class Outbox: BlockObserver, Sendable {
    private struct Contents {
        var changes: [BlockID: BlockRecord] = [:]
        var isReportComplete = false
        var counters = DatanodeCounters()
    }

    private let contents = Mutex(Contents())

    func blockChanged(_ block: BlockID, _ record: BlockRecord) {
        contents.withLock { $0.changes[block] = record }
    }

    func reportCompleted() { contents.withLock { $0.isReportComplete = true } }

    func count(_ counters: DatanodeCounters) { contents.withLock { $0.counters = counters } }

    var counters: DatanodeCounters { contents.withLock { $0.counters } }

    /// Forgets what is waiting: a new registration names everything again.
    func clear() {
        contents.withLock {
            $0.changes.removeAll()
            $0.isReportComplete = false
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
            return (taken, contents.isReportComplete && contents.changes.isEmpty)
        }
    }
}
