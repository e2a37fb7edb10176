import Wire

/// Which replica of a block is asked next, as a pure state: nearest first, the next one after a
/// fault, each at most `rounds` times.
///
/// A token error blames nobody at first: the token is fetched again, at most `refetches` times, and
/// the same replica asked. One that refuses fresh tokens is left for the next. A replica that said
/// that it has no good copy is not asked again; one that was slow, busy or gone may be.
package struct ReplicaChoice {
    package static let rounds = 2
    package static let refetches = 2

    package enum Step: Equatable {
        /// Ask this replica, by its place in the list.
        case ask(Int)
        /// OPEN again, then ask this place.
        case refetch(Int)
        case exhausted
    }

    /// What one replica did wrong.
    package struct Fault: Equatable {
        package let node: NodeID
        package let failure: StreamFailure
    }

    package private(set) var faults: [Fault] = []
    package private(set) var asked = 0
    package private(set) var last: StreamFailure?
    private var nodes: [NodeID]
    private var tries: [NodeID: Int] = [:]
    private var isOut: Set<NodeID> = []
    private var current = 0
    private var refetched = 0

    package init(_ nodes: [NodeID]) { self.nodes = nodes }

    package mutating func first() -> Step { choose(from: 0) }

    /// The list as a new OPEN gave it; what is known of a node stays known.
    package mutating func replace(_ nodes: [NodeID]) {
        let wanted = current < self.nodes.count ? self.nodes[current] : nil
        self.nodes = nodes
        current = nodes.firstIndex { $0 == wanted } ?? 0
    }

    /// After a new OPEN: the same replica, or the first that may be asked.
    package mutating func again() -> Step { choose(from: current) }

    package mutating func failed(_ failure: StreamFailure) -> Step {
        last = failure
        let isToken =
            if case .refused(let status, _) = failure { status.blamesToken } else { false }
        if isToken, refetched < Self.refetches {
            refetched += 1
            tries[nodes[current], default: 1] -= 1
            return .refetch(current)
        }
        let node = nodes[current]
        faults.append(Fault(node: node, failure: failure))
        if failure.isFinal || isToken { isOut.insert(node) }
        return choose(from: current + 1)
    }

    /// Bytes came: the replica is good for as many tries again.
    package mutating func progressed() { tries[nodes[current]] = 1 }

    private mutating func choose(from start: Int) -> Step {
        var best: Int?
        for step in 0..<nodes.count {
            let place = (start + step) % nodes.count
            let node = nodes[place]
            guard !isOut.contains(node), tries[node, default: 0] < Self.rounds else { continue }
            if let known = best, tries[nodes[known], default: 0] <= tries[node, default: 0] {
                continue
            }
            best = place
        }
        guard let best else { return .exhausted }
        tries[nodes[best], default: 0] += 1
        asked += 1
        current = best
        return .ask(best)
    }
}
