import Metrics
import Synchronization
import Wire

/// What the namenode still has to hear of this node's blocks: the newest state of each, so that its
/// size is bounded by the number of blocks however long the namenode is away.
package final class Outbox: BlockObserver, Sendable {
    private struct Contents {
        var changes: [BlockID: BlockRecord] = [:]
        /// The report that was asked for last, and how many reactors still have to name their
        /// blocks for it.
        var report: UInt64 = 0
        var reactorsLeft = 0
        var counters: [DatanodeCounters]
        /// Every corrupt block of this node, and those nobody has logged yet.
        var corrupt: [BlockID: (epoch: Epoch, device: Int)] = [:]
        var findings: [Finding] = []
        /// By reactor.
        var scrubs: [[ScrubProgress]]
        /// Bytes in spare files of each device, by reactor.
        var spares: [[UInt64]]
        /// Devices out of service, each with the first reason that was given.
        var failedDevices: [Int: String] = [:]
    }

    /// A block that turned out to be corrupt, and why.
    struct Finding: Sendable {
        let block: BlockID
        let device: Int
        let reason: String
    }

    private let reactors: Int
    private let contents: Mutex<Contents>

    /// - Parameter kept: corrupt blocks that are known from before, by device.
    package init(reactors: Int = 1, kept: [[BlockID: Epoch]] = []) {
        self.reactors = reactors
        var contents = Contents(
            reactorsLeft: reactors,
            counters: Array(repeating: DatanodeCounters(), count: reactors),
            scrubs: Array(repeating: [], count: reactors),
            spares: Array(repeating: [], count: reactors))
        for (device, blocks) in kept.enumerated() {
            for (block, epoch) in blocks { contents.corrupt[block] = (epoch, device) }
        }
        self.contents = Mutex(contents)
    }

    package func blockChanged(_ block: BlockID, _ record: BlockRecord) {
        contents.withLock { contents in
            contents.changes[block] = record
            switch record.state {
            case .corrupt: contents.corrupt[block] = (record.epoch, record.device)
            case .gone: if !contents.corrupt.isEmpty { contents.corrupt[block] = nil }
            case .open, .sealed, .mayBeLost, .lost: break
            }
        }
    }

    package func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {
        contents.withLock {
            $0.findings.append(Finding(block: block, device: record.device, reason: reason))
        }
    }

    func takeFindings() -> [Finding] {
        contents.withLock { contents in
            defer { contents.findings.removeAll() }
            return contents.findings
        }
    }

    package func scrubbed(_ progress: [ScrubProgress], by share: ReactorShare) {
        contents.withLock { $0.scrubs[share.number] = progress }
    }

    package func spares(_ bytes: [UInt64], by share: ReactorShare) {
        contents.withLock { $0.spares[share.number] = bytes }
    }

    /// Of a device, all reactors together.
    func spareBytes(on device: Int) -> UInt64 {
        contents.withLock { contents in
            contents.spares.reduce(0) { $0 + ($1.count > device ? $1[device] : 0) }
        }
    }

    func corrupt(on device: Int) -> [BlockID: Epoch] {
        contents.withLock { contents in
            guard !contents.corrupt.isEmpty else { return [:] }
            return contents.corrupt.filter { $0.value.device == device }.mapValues { $0.epoch }
        }
    }

    /// Where each reactor's pass over a device stands; empty until all have said so.
    func passes(of device: Int) -> [ScrubFile.Pass] {
        contents.withLock { contents in
            guard contents.scrubs.allSatisfy({ $0.count > device }) else { return [] }
            return contents.scrubs.enumerated().map { reactor, devices in
                ScrubFile.Pass(
                    reactor: reactor, reactors: reactors, after: devices[device].after,
                    passes: devices[device].passes)
            }
        }
    }

    /// Of a device, all reactors together. A pass counts as complete when it is for all of them.
    func scrub(of device: Int) -> ScrubProgress? {
        contents.withLock { contents in
            let parts = contents.scrubs.compactMap { $0.count > device ? $0[device] : nil }
            guard var sum = parts.first else { return nil }
            // Who has no block there has no pass to complete.
            let passes = parts.filter { $0.passBlocks > 0 }.map(\.passes).min()
            for part in parts.dropFirst() {
                sum.passes = passes ?? 0
                sum.passBlocks += part.passBlocks
                sum.passDone += part.passDone
                sum.passBytes &+= part.passBytes
                sum.blocks &+= part.blocks
                sum.bytes &+= part.bytes
                sum.bad &+= part.bad
                sum.asked += part.asked
            }
            return sum
        }
    }

    /// An answer to an older report, which was overtaken, does not count.
    package func reportCompleted(_ report: UInt64) {
        contents.withLock { if $0.report == report { $0.reactorsLeft -= 1 } }
    }

    package func count(_ counters: DatanodeCounters) {
        contents.withLock { $0.counters[counters.reactor] = counters }
    }

    package func deviceFailed(_ device: Int, _ reason: String) {
        contents.withLock {
            if $0.failedDevices[device] == nil { $0.failedDevices[device] = reason }
        }
    }

    /// Devices out of service, and why.
    var failedDevices: [Int: String] { contents.withLock { $0.failedDevices } }

    /// Of all reactors together.
    package var counters: DatanodeCounters {
        let parts = contents.withLock { $0.counters }
        return DatanodeCounters.metrics.sum(parts, from: DatanodeCounters())
    }

    /// Forgets what is waiting: a new registration names everything again.
    /// - Returns: the number of that report.
    package func beginReport() -> UInt64 {
        contents.withLock {
            $0.changes.removeAll()
            $0.report += 1
            $0.reactorsLeft = reactors
            return $0.report
        }
    }

    /// What a heartbeat says of blocks.
    package struct Batch: Sendable {
        package let changes: [(block: BlockID, record: BlockRecord)]
        package let backlog: Backlog
        /// With these, every block was named.
        package var isComplete: Bool { backlog == .none }
    }

    /// What is still to be said after a batch.
    package enum Backlog: Sendable {
        case none
        /// A reactor has yet to name its blocks.
        case gathering
        case waiting
    }

    /// Takes up to `most` changes.
    package func take(_ most: Int) -> Batch {
        contents.withLock { contents in
            // One walk: `first` again and again would pass the places emptied before each time, and
            // the reactor waits for this lock.
            let taken = contents.changes.prefix(most).map { (block: $0.key, record: $0.value) }
            if taken.count == contents.changes.count {
                contents.changes.removeAll(keepingCapacity: true)
            } else {
                for (block, _) in taken { contents.changes[block] = nil }
            }
            let backlog: Backlog =
                !contents.changes.isEmpty
                ? .waiting : contents.reactorsLeft > 0 ? .gathering : .none
            return Batch(changes: taken, backlog: backlog)
        }
    }
}
