import Wire

/// The order in which a reader should try a block's replicas.
package enum ReplicaOrder {
    package struct Replica: Sendable, Equatable {
        package let node: NodeID
        package let location: Location
        package let liveness: Liveness
        /// Blocks planned and streams open: tells equal ones apart.
        package let load: Int
        /// Clients say that it does not answer.
        package let isSuspected: Bool

        package init(
            node: NodeID, location: Location, liveness: Liveness, load: Int = 0,
            isSuspected: Bool = false
        ) {
            self.node = node
            self.location = location
            self.liveness = liveness
            self.load = load
            self.isSuspected = isSuspected
        }
    }

    /// Live ones first, then stale ones, then those that are suspected of silence, each nearest to
    /// `reader` first, then the least busy. Dead ones are left out while any other is known, and
    /// are the last hope when none is.
    package static func order(
        _ replicas: [Replica], reader: Location?, using generator: inout some RandomNumberGenerator
    ) -> [NodeID] {
        let able = replicas.filter { $0.liveness != .dead }
        var rest = able.isEmpty ? replicas : able
        rest.sort { ($0.node.high, $0.node.low) < ($1.node.high, $1.node.low) }
        rest.shuffle(using: &generator)
        func rank(_ replica: Replica) -> (Int, Int, Int) {
            let liveness = replica.isSuspected ? 2 : replica.liveness == .live ? 0 : 1
            return (liveness, reader.map { replica.location.distance(to: $0) } ?? 0, replica.load)
        }
        // An insertion sort is stable, which keeps the shuffle between equals; there are five at
        // most in a chain and few more ever.
        var ordered: [Replica] = []
        for replica in rest {
            let place = ordered.firstIndex { rank(replica) < rank($0) } ?? ordered.endIndex
            ordered.insert(replica, at: place)
        }
        return ordered.map(\.node)
    }
}
