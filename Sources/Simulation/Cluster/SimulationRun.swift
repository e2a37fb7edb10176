/// What is to be simulated: everything that a run depends on.
package struct SimulationRun: Sendable {
    package var seed: UInt64
    package var cycles: Int
    package var scenario: Scenario?
    package var plant: Plant?
    /// Only what clients were told counts, not what lies on disks and in memory.
    package var isBlackBox = false

    package init(
        seed: UInt64, cycles: Int, scenario: Scenario? = nil, plant: Plant? = nil,
        isBlackBox: Bool = false
    ) {
        self.seed = seed
        self.cycles = cycles
        self.scenario = scenario
        self.plant = plant
        self.isBlackBox = isBlackBox
    }

    /// Runs it on the calling thread.
    /// - Parameter print: gets each event as a line.
    package func result(print: ((String) -> Void)? = nil) -> SimulationResult {
        let cluster = SimulatedCluster(
            seed: seed, plant: plant, blackBox: isBlackBox,
            adjust: { plan in
                if plant == .skippedCRC { plan.rot() }
                if plant == .leakedKeys { plan.invite() }
                if plant == .silentWitnesses { plan.copyAt = 0.5 }
                if plant == .believedImpostors { plan.impostorNamenodesPerCycle = 2 }
                if plant == .forgottenDeletions { plan.inviteLateWriters() }
                scenario?.adjust(&plan)
            }, print: print)
        return cluster.run(cycles: cycles)
    }
}

extension SimulationPlan {
    /// A check that is left out shows only where there is something for it to find.
    mutating func rot() {
        victim = victim ?? 0
        flipsPerCycle = max(flipsPerCycle, 4)
    }

    /// A deleted block comes back only where somebody writes it, and while its number is nobody
    /// else's.
    mutating func inviteLateWriters() {
        hasLateWriters = true
        copyAt = nil
    }

    /// Nobody dies, and nothing is damaged.
    mutating func bePeaceful() {
        victim = nil
        flipsPerCycle = 0
        eventsPerCycle = 0
        breaks = 0
        impostorsPerCycle = 0
        cutsPower = false
        copyAt = nil
        failingCommits = 0
    }

    /// An impostor with keys does harm only where one comes.
    mutating func invite() {
        impostorsPerCycle = 4
    }
}

/// What came of one run.
package struct SimulationResult: Sendable {
    package let seed: UInt64
    /// Equal for equal runs, in any process.
    package let hash: UInt64
    package let breach: Breach?
    package let cycles: Int
    /// Nanoseconds.
    package let virtualTime: UInt64
    package let jobs: Int
    /// Changes that clients were told are done.
    package let acks: Int
    package let checks: UInt64
    package let crashes: Int
    /// Connections that moved between the reactors of a node, in its last process.
    package let moves: Int
    /// Blocks whose stream failed and came to its seal with the same token.
    package let resumes: Int
    package let found: StartFindings
}

/// A bug that the simulated world plants, so that the oracles can be shown to find it. Each is a
/// lie of the world around the product's code, which itself is the same as ever.
package enum Plant: String, CaseIterable, Sendable {
    /// Disks answer a write before it is made.
    case ackBeforeWrite = "ack-before-write"
    /// Clients seal at `written` and show the namenode a receipt that says `durable`.
    case closeBeforeDurable = "close-before-durable"
    /// Readers take what lies on a replica's disk without a look at its checksums.
    case skippedCRC = "skipped-crc"
    /// Disks answer the sync of a directory and do nothing.
    case missingDirectoryFsync = "missing-directory-fsync"
    /// The namenode's shell lets replies leave while their commit is under way.
    case replyBeforeCommit = "reply-before-commit"
    /// The impostors at dead datanodes' addresses have the cluster's signing keys.
    case leakedKeys = "leaked-keys"
    /// Datanodes keep to themselves what they know of a later state of the namespace.
    case silentWitnesses = "silent-witnesses"
    /// Datanodes forget which blocks they deleted.
    case forgottenDeletions = "forgotten-deletions"
    /// Datanodes do as they are told by whoever answers at their namenode's address.
    case believedImpostors = "believed-impostors"
}

/// What happened in a run, as one number: equal for equal runs, in any process. On demand also as
/// lines to read.
package struct SimulationTrace {
    package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    package private(set) var events: UInt64 = 0
    /// Gets each event as a line.
    package var print: ((String) -> Void)?

    package init(print: ((String) -> Void)? = nil) { self.print = print }

    /// - Parameter values: everything that two equal runs have equal.
    package mutating func note(
        _ time: UInt64, _ values: [UInt64], _ text: @autoclosure () -> String
    ) {
        events += 1
        mix(time)
        for value in values { mix(value) }
        print?("\(time / 1_000_000).\(String(time / 1_000 % 1_000 + 1_000).dropFirst()) \(text())")
    }

    package mutating func mix(_ word: UInt64) {
        hash = (hash ^ word) &* 0x100_0000_01b3
        hash ^= hash >> 31
    }

    /// A text's part of a hash, the same in every process.
    package static func number(of text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
