import Wire

/// Nodes of which clients say that they do not answer, each for a bounded time: readers are sent to
/// them last, and they get no new blocks while there are enough others.
///
/// A client's word changes an order, and no more. It cannot change much either: one node in `share`
/// is suspected at a time, one at least, and who has named most of those is the first to lose one.
struct Suspicions: Sendable {
    static let share = 3

    private struct Entry: Sendable {
        /// The address that named the node first.
        let client: PeerAddress
        let since: Int64
        var until: Int64
    }

    private var entries: [NodeID: Entry] = [:]

    func contains(_ node: NodeID, now: Int64) -> Bool {
        entries[node].map { now < $0.until } ?? false
    }

    /// - Parameter nodes: how many the cluster has.
    /// - Returns: whether the node was not suspected before.
    mutating func add(
        _ node: NodeID, by client: PeerAddress, now: Int64, until: Int64, of nodes: Int
    ) -> Bool {
        entries = entries.filter { now < $0.value.until }
        if entries[node] != nil {
            entries[node]?.until = until
            return false
        }
        if entries.count >= max(1, nodes / Self.share) { makeRoom(for: client) }
        entries[node] = Entry(client: client, since: now, until: until)
        return true
    }

    /// It came back from its silence, which nobody could have said for it.
    mutating func remove(_ node: NodeID) { entries[node] = nil }

    /// Takes the oldest suspicion of the client that has most of them, the caller itself when it
    /// has as many.
    private mutating func makeRoom(for client: PeerAddress) {
        var counts: [PeerAddress: Int] = [:]
        for entry in entries.values { counts[entry.client, default: 0] += 1 }
        let most = counts.values.max() ?? 0
        func rank(_ node: NodeID, _ entry: Entry) -> (Int, Int64, UInt64, UInt64) {
            let isOfMost = counts[entry.client] == most
            let place = !isOfMost ? 2 : entry.client == client ? 0 : 1
            return (place, entry.since, node.high, node.low)
        }
        let victim = entries.min { rank($0.key, $0.value) < rank($1.key, $1.value) }
        if let victim { entries[victim.key] = nil }
    }
}
