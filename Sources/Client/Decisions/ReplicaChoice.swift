import Wire

/// Which replica of a block is asked next, as a pure state: nearest first, the next one after a
/// fault, each at most `rounds` times; then the namenode is asked where the block is now, for as
/// long as its owner's `Patience` lasts.
///
/// A token error blames nobody at first: the token is fetched again, at most `refetches` times, and
/// the same replica asked. One that refuses fresh tokens is left for the next. A replica that said
/// that it has no good copy is not asked again; one that was slow, busy or gone may be.
package struct ReplicaChoice {
    package static let rounds = 2
    package static let refetches = 2
    /// Faults that are remembered; beyond it they are the same ones again.
    package static let mostFaults = 64

    package enum Step: Equatable {
        /// Ask this replica, by its place in the list, after `pause`.
        case ask(Int)
        /// OPEN again and `replace`, then ask this place.
        case refetch(Int)
        /// OPEN again after `pause` and `reopen`: nobody on the list answers.
        case reopen
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
    /// A node of the chain has yet to say whether it has the block.
    private var isIncomplete: Bool
    private var tries: [NodeID: Int] = [:]
    private var isOut: Set<NodeID> = []
    private var current = 0
    private var refetched = 0
    private var reopened = 0
    private var isReopening = false
    /// Asked as well, by its place, because `current` is slow.
    private var rival: Int?
    /// Nodes that were silent before: asked when the others were.
    private let slow: Set<NodeID>

    package init(_ nodes: [NodeID], isIncomplete: Bool = false, slow: Set<NodeID> = []) {
        self.nodes = nodes
        self.isIncomplete = isIncomplete
        self.slow = slow
    }

    package init(_ block: ValueBlock, slow: Set<NodeID> = []) {
        self.init(
            block.replicas.map(\.node.node), isIncomplete: block.isIncomplete, slow: slow)
    }

    /// Who is asked.
    package var node: NodeID? { current < nodes.count ? nodes[current] : nil }

    package mutating func first() -> Step { choose(from: 0, false) }

    /// Before the step, nanoseconds: a moment for who was asked before, and for a node to come
    /// back, 200 ms to 1.6 s.
    package var pause: UInt64 {
        if isReopening { return 100_000_000 << UInt64(min(reopened, 4)) }
        let isAgain = current < nodes.count && tries[nodes[current], default: 0] > 1
        return isAgain ? 200_000_000 : 0
    }

    /// The list as a new OPEN gave it; what is known of a node stays known.
    package mutating func replace(_ block: ValueBlock) {
        let wanted = current < self.nodes.count ? self.nodes[current] : nil
        nodes = block.replicas.map(\.node.node)
        isIncomplete = block.isIncomplete
        current = nodes.firstIndex { $0 == wanted } ?? 0
    }

    /// After `replace`: the same replica, or the first that may be asked.
    package mutating func again() -> Step { choose(from: current, false) }

    /// The answer to `reopen`: everybody who may have the block is asked again.
    package mutating func reopen(_ block: ValueBlock, isOver: Bool) -> Step {
        replace(block)
        tries = [:]
        return choose(from: 0, isOver)
    }

    package mutating func failed(_ failure: StreamFailure, isOver: Bool) -> Step {
        last = failure
        let isToken =
            if case .refused(let status, _) = failure { status.blamesToken } else { false }
        if isToken, refetched < Self.refetches {
            refetched += 1
            tries[nodes[current], default: 1] -= 1
            return .refetch(current)
        }
        let node = nodes[current]
        blame(node, failure, isOut: failure.isFinal || isToken)
        return choose(from: current + 1, isOver)
    }

    private mutating func blame(_ node: NodeID, _ failure: StreamFailure, isOut: Bool) {
        last = failure
        if faults.count < Self.mostFaults { faults.append(Fault(node: node, failure: failure)) }
        if isOut { self.isOut.insert(node) }
    }

    /// The replica that is asked is slow: who is asked as well, if there is anybody.
    package mutating func hedge() -> Int? {
        let place = best(from: current + 1, rounds: 1)
        guard let place, place != current else { return nil }
        tries[nodes[place]] = 1
        asked += 1
        rival = place
        return place
    }

    /// One of the two that were asked is out: it failed, or the other was faster.
    /// - Returns: its node.
    package mutating func narrowed(isRival: Bool, _ failure: StreamFailure?) -> NodeID? {
        guard let rival else { return nil }
        let node = nodes[isRival ? rival : current]
        if !isRival { current = rival }
        self.rival = nil
        if let failure { blame(node, failure, isOut: failure.isFinal) }
        return node
    }

    /// Bytes came: the replica is good for as many tries again.
    package mutating func progressed() {
        tries[nodes[current]] = 1
        reopened = 0
    }

    private mutating func choose(from start: Int, _ isOver: Bool) -> Step {
        isReopening = false
        rival = nil
        guard let best = best(from: start, rounds: isOver ? 1 : Self.rounds) else {
            return reopenOrEnd(isOver)
        }
        tries[nodes[best], default: 0] += 1
        asked += 1
        current = best
        return .ask(best)
    }

    /// Who was asked least often of those that may be asked, the next one in turn; those that were
    /// silent before come behind.
    private func best(from start: Int, rounds: Int) -> Int? {
        func rank(_ place: Int) -> (Int, Int) {
            (tries[nodes[place], default: 0], slow.contains(nodes[place]) ? 1 : 0)
        }
        var best: Int?
        for step in 0..<nodes.count {
            let place = (start + step) % nodes.count
            guard !isOut.contains(nodes[place]), rank(place).0 < rounds else { continue }
            if let known = best, rank(known) <= rank(place) { continue }
            best = place
        }
        return best
    }

    private mutating func reopenOrEnd(_ isOver: Bool) -> Step {
        guard !isOver, isIncomplete || nodes.contains(where: { !isOut.contains($0) }) else {
            return .exhausted
        }
        reopened += 1
        isReopening = true
        return .reopen
    }
}

/// Nodes that did not answer one client, and of which the namenode has yet to hear, so that the
/// next command does not wait for them too.
struct SilentNodes {
    /// More are not remembered: then it is this client that hears nobody.
    private static let most = 8

    private(set) var nodes: Set<NodeID> = []
    private var untold: [NodeID] = []

    mutating func add(_ node: NodeID) {
        guard nodes.count < Self.most, nodes.insert(node).inserted else { return }
        untold.append(node)
    }

    /// Those to tell of now, each once; to be asked where no stream waits behind it.
    mutating func takeUntold() -> [NodeID] {
        defer { untold = [] }
        return untold
    }
}
