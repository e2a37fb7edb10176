import Wire

/// Chooses a block's chain: distinct nodes, far from each other, least used first, the head near
/// the writer.
///
/// Pure: the same candidates, wishes and seed give the same chain.
package enum ReplicaPlacement {
    package struct Candidate: Sendable, Equatable {
        package let node: NodeID
        package let location: Location
        package let capacityBytes: UInt64
        package let usedBytes: UInt64
        /// On its emptiest device.
        package let roomBytes: UInt64
        /// Blocks planned for it since it last reported.
        package let planned: Int
        /// Clients say that it does not answer.
        package let isSuspected: Bool

        package init(
            node: NodeID, location: Location, capacityBytes: UInt64, usedBytes: UInt64,
            roomBytes: UInt64, planned: Int = 0, isSuspected: Bool = false
        ) {
            self.node = node
            self.location = location
            self.capacityBytes = capacityBytes
            self.usedBytes = usedBytes
            self.roomBytes = roomBytes
            self.planned = planned
            self.isSuspected = isSuspected
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// Head first.
        case chain([NodeID])
        case tooFew(found: Int)
        case noSpace(found: Int)
    }

    /// Suspected nodes are left out when there is a chain without them.
    ///
    /// - Parameters:
    ///   - candidates: live nodes that are not excluded.
    ///   - needBytes: room a node must have.
    ///   - blockBytes: what one planned block counts for.
    package static func choose(
        _ candidates: [Candidate], replicas: Int, needBytes: UInt64, blockBytes: UInt64,
        writer: Location?, using generator: inout some RandomNumberGenerator
    ) -> Outcome {
        let trusted = candidates.filter { !$0.isSuspected }
        if trusted.count < candidates.count {
            let outcome = choose(
                trusted, replicas: replicas, needBytes: needBytes, blockBytes: blockBytes,
                writer: writer, using: &generator)
            if case .chain = outcome { return outcome }
        }
        guard candidates.count >= replicas else { return .tooFew(found: candidates.count) }
        let roomy = candidates.filter { $0.roomBytes >= needBytes }
        guard roomy.count >= replicas else { return .noSpace(found: roomy.count) }
        // A random order first, so that ties do not always fall on the same node; a fixed order
        // before that, so that the seed alone decides.
        var rest = roomy.sorted { ($0.node.high, $0.node.low) < ($1.node.high, $1.node.low) }
        rest.shuffle(using: &generator)
        var chosen: [Candidate] = []
        while chosen.count < replicas {
            let best = rest.indices.min { left, right in
                precedes(
                    rest[left], rest[right], chosen: chosen, writer: writer, blockBytes: blockBytes)
            }
            guard let best else { preconditionFailure("there are as many nodes as replicas") }
            chosen.append(rest.remove(at: best))
        }
        return .chain(chosen.map(\.node))
    }

    /// Whether the first is the better next member: nearer to the writer for the head, further from
    /// those chosen for the others, then less used.
    private static func precedes(
        _ left: Candidate, _ right: Candidate, chosen: [Candidate], writer: Location?,
        blockBytes: UInt64
    ) -> Bool {
        if chosen.isEmpty {
            if let writer {
                let distances = (
                    left.location.distance(to: writer), right.location.distance(to: writer)
                )
                if distances.0 != distances.1 { return distances.0 < distances.1 }
            }
        } else {
            let spreads = (spread(left, chosen), spread(right, chosen))
            if spreads.0 != spreads.1 { return spreads.0 > spreads.1 }
        }
        let loads = (load(left, blockBytes), load(right, blockBytes))
        return loads.0 < loads.1
    }

    /// Distance to the nearest chosen node first, the sum of all distances second.
    private static func spread(_ candidate: Candidate, _ chosen: [Candidate]) -> Int {
        let distances = chosen.map { candidate.location.distance(to: $0.location) }
        let nearest = distances.min() ?? 0
        return nearest * 1_000 + distances.reduce(0, +)
    }

    /// The used share in steps of 1/1024, so that a few bytes more do not outweigh everything.
    private static func load(_ candidate: Candidate, _ blockBytes: UInt64) -> UInt64 {
        let planned = UInt64(candidate.planned).multipliedReportingOverflow(by: blockBytes)
        let used = Double(candidate.usedBytes) + Double(planned.partialValue)
        let capacity = max(1, Double(candidate.capacityBytes))
        return UInt64(min(used / capacity, 1_000) * 1_024)
    }
}
