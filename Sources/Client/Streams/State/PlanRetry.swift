import Wire

/// With which nodes ADDBLOCK is asked, and what is done when there is no chain, as a pure state for
/// one value that is written. Bounded: `waits` pauses in a row.
package struct PlanRetry {
    /// Until it is asked again, nanoseconds: time for a node to come back, and for the namenode to
    /// notice that one is gone.
    package static let pause: UInt64 = 1_600_000_000
    /// As long as a namenode takes to be started again and to hear from its nodes, or to miss one.
    package static let waits = 8
    /// More failed nodes are not remembered.
    package static let mostExcluded = 16

    /// Nodes that failed under this value's blocks. The namenode needs seconds to notice what a
    /// writer sees at once.
    package private(set) var excluded: [NodeID] = []
    private var wasPlanned = false
    private var waited = 0

    package init() {}

    /// Nodes failed under a block. Of several blocks under way each knows only its own.
    package mutating func failed(_ nodes: [NodeID]) {
        for node in nodes where !excluded.contains(node) { excluded.append(node) }
        excluded = excluded.suffix(Self.mostExcluded)
    }

    /// ADDBLOCK gave a chain.
    package mutating func planned() {
        wasPlanned = true
        waited = 0
    }

    /// ADDBLOCK was refused, or not answered: `busy`.
    /// - Returns: whether it is asked again after `pause`; with the nodes that failed too when
    ///   there is no chain without them. A first block is not waited for when nodes are missing,
    ///   since the cluster may never have had enough.
    package mutating func waits(after code: ControlCode) -> Bool {
        let most =
            switch code {
            case .busy: Self.waits
            case .tooFewNodes: wasPlanned ? Self.waits : 0
            case .noSpace: excluded.isEmpty ? 0 : Self.waits
            default: 0
            }
        guard waited < most else { return false }
        waited += 1
        if code != .busy { excluded = [] }
        return true
    }
}
