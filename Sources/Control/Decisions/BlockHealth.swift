/// How well a sealed block is kept, from what is known of its copies.
package struct BlockHealth: Sendable, Equatable {
    /// The words are HDFS's (`hdfs fsck`): a block is corrupt or missing only when no good copy is
    /// left; with one left it is under-replicated, whatever became of the others.
    package enum Verdict: Sendable, Equatable {
        case healthy
        case underReplicated
        /// Nodes that have yet to name what they hold may have all that lacks, or the only copy.
        case awaited
        /// No good copy, and at least one that its node has found corrupt.
        case corrupt
        /// No copy.
        case missing
    }

    package let wanted: Int
    package let live: Int
    package let corrupt: Int
    /// Copies of nodes that have yet to say whether they have them.
    package let awaited: Int

    package init(wanted: Int, live: Int, corrupt: Int, awaited: Int = 0) {
        self.wanted = wanted
        self.live = live
        self.corrupt = corrupt
        self.awaited = awaited
    }

    package var verdict: Verdict {
        if live >= wanted, live > 0 { return .healthy }
        if awaited > 0, live == 0 || live + awaited >= wanted { return .awaited }
        if live > 0 { return .underReplicated }
        return corrupt > 0 ? .corrupt : .missing
    }
}
