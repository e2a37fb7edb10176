import Synchronization
import Wire

/// The namenode's part on a bench node: decides which sealed blocks are to go, so that a long run
/// does not fill the device.
final class BenchObserver: BlockObserver, Sendable {
    private struct Contents {
        /// Sealed blocks, oldest first; those before `first` are gone.
        var blocks: [(block: BlockID, length: UInt64)] = []
        var first = 0
        var bytes: UInt64 = 0
    }

    private let keepBytes: UInt64?
    private let contents = Mutex(Contents())

    /// - Parameter keepBytes: of sealed blocks; `nil` keeps all. The newest block always stays.
    init(keepBytes: UInt64?) { self.keepBytes = keepBytes }

    func blockChanged(_ block: BlockID, _ record: BlockRecord) {
        guard keepBytes != nil, record.state == .sealed else { return }
        contents.withLock { contents in
            contents.blocks.append((block, record.length))
            contents.bytes += record.length
        }
    }

    func reportCompleted(_ report: UInt64) {}
    func count(_ counters: DatanodeCounters) {}

    /// The oldest block when there are more bytes than are to be kept; it counts as gone from here
    /// on.
    func takeOldest() -> BlockID? {
        guard let keepBytes else { return nil }
        return contents.withLock { contents in
            guard contents.bytes > keepBytes, contents.first + 1 < contents.blocks.count else {
                return nil
            }
            let oldest = contents.blocks[contents.first]
            contents.first += 1
            contents.bytes -= oldest.length
            if contents.first >= 1024, contents.first * 2 >= contents.blocks.count {
                contents.blocks.removeFirst(contents.first)
                contents.first = 0
            }
            return oldest.block
        }
    }
}
