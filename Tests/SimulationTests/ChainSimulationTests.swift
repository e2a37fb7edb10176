import Foundation
import Testing

/// The write path on simulated rings: three datanodes and the client's writer, one thread, virtual
/// time.
/// `CATENA_SEED=N` runs one seed; `CATENA_SEEDS=N` changes how many run.
@Suite(.serialized)
struct ChainSimulationTests {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["CATENA_SEED"].flatMap({ UInt64($0) }) { return [one] }
        let count = environment["CATENA_SEEDS"].flatMap { UInt64($0) } ?? 200
        return Array(1...count)
    }

    @Test(arguments: seeds)
    func nuisancesNeverFailAWrite(seed: UInt64) throws {
        let result = try ChainSimulation(seed: seed, weather: .nuisances).run()
        #expect(result.breach == nil, "seed \(seed)")
        #expect(result.isSealed, "seed \(seed): \(result)")
        #expect(result.leaked == nil, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func brokenConnectionsAreResumed(seed: UInt64) throws {
        let result = try ChainSimulation(seed: seed, weather: .brokenConnections).run()
        #expect(result.breach == nil, "seed \(seed)")
        #expect(result.isSealed, "seed \(seed): \(result)")
        #expect(result.leaked == nil, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func aFailingDeviceIsNeverAcked(seed: UInt64) throws {
        let result = try ChainSimulation(seed: seed, weather: .failingDevice).run()
        #expect(result.breach == nil, "seed \(seed)")
        #expect(result.leaked == nil, "seed \(seed)")
    }

    @Test
    func aSeedReproducesBitForBit() throws {
        for weather in ChainSimulation.Weather.allCases {
            let first = try ChainSimulation(seed: 11, weather: weather).run()
            let second = try ChainSimulation(seed: 11, weather: weather).run()
            #expect(first.digest == second.digest)
            #expect(first.steps == second.steps)
        }
    }
}
