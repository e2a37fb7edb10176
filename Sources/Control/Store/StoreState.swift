import Wire

/// What is written with every commit: counters and counts.
package struct StoreState: Sendable, Equatable {
    var cluster: ClusterID
    /// Commits so far: tells an older view of the store from a newer one.
    package var commits: UInt64 = 0
    /// Processes that have opened it.
    var starts: UInt64 = 0
    /// Answers up to this sequence are forgotten.
    var outcomeFloor: UInt64 = 0
    /// In the order of `Mutation.Counter.place`.
    var counters: [UInt64]
    var tally = Tally()

    init(cluster: ClusterID, firstNumber: UInt64 = 1) {
        self.cluster = cluster
        counters = Mutation.Counter.allCases.map { _ in firstNumber }
    }

    subscript(counter: Mutation.Counter) -> UInt64 {
        get { counters[counter.place] }
        set { counters[counter.place] = newValue }
    }

    /// A process begins, with a commit of its own.
    mutating func begin() {
        starts += 1
        commits += 1
    }

    /// The operator goes on with this state, which may be older than its datanodes, and without
    /// what was being written.
    ///
    /// The counters begin behind all that the namespace can have given away since: 2^32 numbers of
    /// each kind are left out, and as many again up to 2^16 times, drawn by chance, so that a copy
    /// that is restored twice does not give the same numbers twice. So does the number of commits,
    /// which tells datanodes that the later states they have heard of are given up.
    mutating func giveUpLater(
        _ history: inout NamespaceHistory, using generator: inout some RandomNumberGenerator
    ) {
        tally.blocks = tally.sealedBlocks
        tally.leases = 0
        let skipped = UInt64.random(in: 1...(1 << 16), using: &generator)
        // Kept answers are numbered for the store alone, and without a gap.
        for counter in Mutation.Counter.allCases where counter != .outcome {
            self[counter] = ((self[counter] >> 32) + skipped) << 32 | 1
        }
        commits = ((commits >> 32) + skipped) << 32
        history.giveUpOthers(below: commits)
    }
}

extension Mutation.Counter {
    /// Its place in the stored list. A new one goes to the end.
    var place: Int {
        switch self {
        case .block: 0
        case .value: 1
        case .outcome: 2
        case .session: 3
        case .signingKey: 4
        }
    }
}
