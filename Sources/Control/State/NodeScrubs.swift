import Wire

/// What one node is to scrub, and how far it says its scrubs are.
package struct NodeScrubs: Sendable {
    /// Blocks it has yet to be told of, oldest first.
    package private(set) var waiting: [BlockID] = []
    /// It has yet to be told to read all it has.
    package var isAllWanted = false
    /// As its last HEARTBEAT said, by device.
    package var progress: [ControlDeviceScrub] = []

    package init() {}

    /// `false`: `most` blocks wait already.
    mutating func ask(_ block: BlockID, most: Int) -> Bool {
        guard !waiting.contains(block) else { return true }
        guard waiting.count < most else { return false }
        waiting.append(block)
        return true
    }

    /// Told in the answer to the last heartbeat, which may be lost; block 0 stands for all.
    package private(set) var issued: [BlockID] = []

    /// For the node's next session: what it may not have heard is told again.
    var carriedOver: NodeScrubs {
        var scrubs = NodeScrubs()
        scrubs.isAllWanted = isAllWanted || issued.contains(BlockID(0))
        scrubs.waiting = issued.filter { $0 != BlockID(0) } + waiting
        return scrubs
    }

    /// Takes the next ones to be told.
    mutating func issue(most: Int) {
        issued = isAllWanted ? [BlockID(0)] : []
        isAllWanted = false
        issued += waiting.prefix(most)
        waiting.removeFirst(min(most, waiting.count))
    }
}
