import Foundation
import Testing

@testable import Simulation

/// The write path of a chain, in the cluster, by scenarios: what each member holds, has told and
/// has on its device is looked at after every turn (`ChainWatch`), and what all hold at the end.
/// `CATENA_SEED=N` runs one seed; `CATENA_SEEDS=N` changes how many run.
@Suite(.serialized)
struct ChainTests {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["CATENA_SEED"].flatMap({ UInt64($0) }) { return [one] }
        return Array(1...(environment["CATENA_SEEDS"].flatMap { UInt64($0) } ?? 5))
    }

    private func run(_ name: String, _ seed: UInt64) throws -> SimulationResult {
        let scenario = try #require(Scenario.named(name))
        return SimulationRun(seed: seed, cycles: 1, scenario: scenario).result()
    }

    @Test(arguments: ["nuisances", "broken-connections", "failing-device", "open-blocks"], seeds)
    func aChainKeepsItsPromises(scenario: String, seed: UInt64) throws {
        let result = try run(scenario, seed)
        #expect(result.breach == nil, "\(scenario), seed \(seed)")
        #expect(result.acks > 0, "\(scenario), seed \(seed)")
    }

    /// The seeds are of no use for moving connections unless some move.
    @Test
    func connectionsMoveBetweenReactors() throws {
        let moves = try (UInt64(1)...8).map { try run("broken-connections", $0).moves }
        #expect(moves.contains { $0 > 0 }, "\(moves)")
    }

    /// A writer whose connection broke takes its block up again with the same token, and seals it.
    @Test
    func brokenStreamsComeToTheirSeal() throws {
        let resumes = try (UInt64(1)...8).map { try run("broken-connections", $0).resumes }
        #expect(resumes.reduce(0, +) >= 8, "\(resumes)")
    }

    /// Nor for what an open block keeps, unless the cuts meet every state.
    @Test
    func powerCutsMeetEveryState() throws {
        let found = try (UInt64(1)...8).map { try run("open-blocks", $0).found }
            .reduce(StartFindings(), +)
        #expect(found.promised >= 8)
        #expect(found.keptMore >= 2)
        #expect(found.sealed >= 2)
        #expect(found.sealedEarly >= 1)
    }
}
