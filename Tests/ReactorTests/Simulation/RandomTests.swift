import Reactor
import Testing

@Suite struct RandomTests {
    /// Golden numbers: a seed printed last year must still reproduce its run.
    @Test func theSequenceOfASeedNeverChanges() {
        var random = SimulationRandom(seed: 0)
        let numbers = (0..<3).map { _ in random.next() }
        #expect(
            numbers == [0x99ec_5f36_cb75_f2b4, 0xbf6e_1f78_4956_452a, 0x1a5f_849d_4933_e6e0])
    }

    @Test func drawsStayInTheirRange() {
        var random = SimulationRandom(seed: 9)
        var seen: Set<Int> = []
        for _ in 0..<1000 {
            seen.insert(random.below(7))
            #expect((5...8).contains(random.pick(5...8)))
        }
        #expect(seen == Set(0..<7))
        #expect(random.pick(3...3) == 3)
        #expect(!random.chance(0) && random.chance(1))
    }
}
