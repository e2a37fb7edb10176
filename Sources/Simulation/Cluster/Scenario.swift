/// A run that has a name: one that found a bug once, kept so that the bug does not come back, or
/// one whose plan is bent towards something.
package struct Scenario: Sendable {
    package let name: String
    /// What it is about, a sentence.
    package let about: String
    package let seed: UInt64
    package let cycles: Int
    package let adjust: @Sendable (inout SimulationPlan) -> Void

    package static let all: [Scenario] = [
        Scenario(
            name: "power", about: "Nothing but power cuts of everything, many times.", seed: 1,
            cycles: 10
        ) { plan in
            plan.eventsPerCycle = 0
            plan.victim = nil
        },
        Scenario(
            name: "nuisances",
            about: "Delays, other orders, short counts and interruptions fail no stream.", seed: 1,
            cycles: 3
        ) { plan in
            plan.bePeaceful()
            plan.isGentle = true
            plan.nuisances = 0.1
        },
        Scenario(
            name: "broken-connections",
            about: "Nothing but connections that break; every write comes to its end.", seed: 1,
            cycles: 3
        ) { plan in
            plan.bePeaceful()
            plan.nuisances = 0.1
            plan.breaks = 0.009
        },
        Scenario(
            name: "failing-device",
            about: "One node's device fails writes and syncs, and is never acked.", seed: 1,
            cycles: 3
        ) { plan in
            plan.bePeaceful()
            plan.nuisances = 0.1
            plan.breaks = 0.005
            plan.victim = 0
            plan.victimFaults = .nuisances(rate: 0.1)
            plan.victimFaults.write.rate = 0.05
            plan.victimFaults.sync.rate = 0.2
        },
        Scenario(
            name: "open-blocks",
            about: "Power cuts in the middle of slow puts that ask for durability on their way.",
            seed: 1, cycles: 6
        ) { plan in
            plan.victim = nil
            plan.copyAt = nil
            plan.clients = 3
            plan.eventsPerCycle = 8
            plan.trickle = 15_000_000
            plan.flushes = [1, 3_000, 30_000]
            // So that power fails while a header copy is there and its bytes are not.
            plan.adjustWorld = { $0.syncLatency = 10_000_000 }
            plan.lengths = [65_535, 65_537, 100_003, 150_000]
        },
        Scenario(
            name: "rot", about: "One node's disk turns bits over and misplaces writes.", seed: 2,
            cycles: 6
        ) { plan in
            plan.victim = 0
            plan.flipsPerCycle = 20
            plan.victimFaults.misdirectedWriteRate = 0.05
        },
        Scenario(
            name: "storm", about: "Twenty violent events in each cycle.", seed: 3, cycles: 4
        ) { plan in
            plan.eventsPerCycle = 20
            plan.loadTime = 6_000_000_000
        },
        Scenario(
            name: "impostors",
            about: "Somebody without a key answers at the addresses of dead datanodes.", seed: 4,
            cycles: 8
        ) { plan in
            plan.impostorsPerCycle = 6
        },
        Scenario(
            name: "impostor-namenode",
            about: "Somebody without the secret answers at the address of a dead namenode.",
            seed: 1, cycles: 8
        ) { plan in
            plan.impostorNamenodesPerCycle = 4
        },
        Scenario(
            name: "late-writers",
            about: "Writers come back with good tokens to blocks that were deleted meanwhile.",
            seed: 1, cycles: 6
        ) { plan in
            plan.inviteLateWriters()
        },
        Scenario(
            name: "seal-after-power-cut",
            about: "A writer comes back to a block whose seal outlived its bytes.", seed: 10_787,
            cycles: 2
        ) { plan in
            plan.impostorsPerCycle = 0
            plan.copyAt = nil
        },
        Scenario(
            name: "older-namespace",
            about: "A namenode is started on a copy of its namespace that is older than its nodes.",
            seed: 4, cycles: 6
        ) { plan in
            plan.victim = nil
            plan.copyAt = 0.3
        },
        Scenario(
            name: "one-commit-older",
            about: "The copy of a namespace that is started lacks the CLOSE of a value alone.",
            seed: 813, cycles: 2
        ) { _ in },
        Scenario(
            name: "cut-log", about: "A namenode is started on a log that lost its last commits.",
            seed: 5, cycles: 6
        ) { plan in
            plan.victim = nil
            plan.copyAt = 0.98
        },
    ]

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
