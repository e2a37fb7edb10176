import Simulation
import Testing

/// The whole cluster on simulated rings. Hundreds of seeds run in
/// `Tests/Process/test_simulation.py`, in an optimised build; here are a few, with the checks of a
/// debug build.
@Suite(.serialized)
struct ClusterSimulationTests {
    @Test(arguments: UInt64(1)...6)
    func everyPromiseHolds(seed: UInt64) {
        let result = SimulationRun(seed: seed, cycles: 1).result()
        #expect(result.breach == nil, "seed \(seed)")
        #expect(result.acks > 0, "seed \(seed)")
    }

    @Test
    func aSeedReproducesBitForBit() {
        let first = SimulationRun(seed: 3, cycles: 2).result()
        let second = SimulationRun(seed: 3, cycles: 2).result()
        #expect(first.hash == second.hash)
        #expect(first.checks == second.checks)
        #expect(SimulationRun(seed: 4, cycles: 2).result().hash != first.hash)
    }

    @Test(arguments: Plant.allCases)
    func plantedBugsAreFound(plant: Plant) {
        let found = (UInt64(1)...20).first {
            SimulationRun(seed: $0, cycles: 3, plant: plant).result().breach != nil
        }
        #expect(found != nil, "\(plant.rawValue)")
    }
}
