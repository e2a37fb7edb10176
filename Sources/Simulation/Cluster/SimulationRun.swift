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
