import Testing

/// P5 for open blocks: what was acked as durable in the middle of a block is there after a power
/// cut of every node of its chain, and nothing else is taken for it.
@Suite(.serialized)
struct PowerCutTests {
    @Test(arguments: ChainSimulationTests.seeds.prefix(40))
    func p5WhatAFlushAckedSurvives(seed: UInt64) throws {
        let result = try PowerCutSimulation(seed: seed).run()
        #expect(result.breach == nil, "seed \(seed)")
    }

    /// The seeds are of no use unless the cuts meet every state.
    @Test
    func theCutsMeetEveryState() throws {
        let results = try (UInt64(1)...60).map { try PowerCutSimulation(seed: $0).run() }
        #expect(results.count { $0.acked > 0 && !$0.isSealedDurably } >= 15)
        #expect(results.count { $0.isSealedDurably } >= 3)
        #expect(results.count { $0.keptMore > 0 } >= 10)
        #expect(results.count { $0.sealed > 0 && !$0.isSealedDurably } >= 3)
        #expect(results.count { $0.acked == 0 } >= 1)
    }
}
