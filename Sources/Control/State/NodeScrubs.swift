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

    /// The answer may be lost again, and has room for so many now: the others wait.
    mutating func repeatIssued(most: Int) {
        let rest = issued.dropFirst(most)
        if rest.contains(BlockID(0)) { isAllWanted = true }
        waiting.insert(contentsOf: rest.filter { $0 != BlockID(0) }, at: 0)
        issued = Array(issued.prefix(most))
    }

    /// Takes the next ones to be told.
    mutating func issue(most: Int) {
        issued = isAllWanted && most > 0 ? [BlockID(0)] : []
        if most > 0 { isAllWanted = false }
        let room = max(0, most - issued.count)
        issued += waiting.prefix(room)
        waiting.removeFirst(min(room, waiting.count))
    }
}
