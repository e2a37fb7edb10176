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
        let count = environment["CATENA_SEEDS"].flatMap { UInt64($0) } ?? 60
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

    /// The seeds above are of no use for moving connections unless some move.
    @Test
    func connectionsMoveBetweenReactors() throws {
        let moves = try (UInt64(1)...12).map {
            try ChainSimulation(seed: $0, weather: .brokenConnections).run().moves
        }
        #expect(moves.filter { $0 > 0 }.count >= 4, "\(moves)")
        #expect(try ChainSimulation(seed: 18, weather: .brokenConnections).run().moves == 0)
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
