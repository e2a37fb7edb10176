import Client
import Testing
import Wire

@Suite("How long a put's blocks become")
struct BlockLengthTests {
    private let bounds = ValueBounds(
        blockBytes: 128 << 20, longestBlock: 1 << 30, mostBlocks: 100_000)

    private func next(_ wanted: UInt64? = nil, total: UInt64?, begun: Int = 0) -> UInt64 {
        BlockLength.next(wanted: wanted, total: total, begun: begun, bounds: bounds)
    }

    @Test func asTheNamenodeOrTheCallerSaysWhileTheValueFits() {
        #expect(next(total: 5) == 128 << 20)
        #expect(next(1 << 20, total: 5 << 30) == 1 << 20)
        #expect(next(total: nil) == 128 << 20)
        #expect(next(2 << 30, total: nil) == 1 << 30)
    }

    @Test(
        "a known length fits, with blocks to spare",
        arguments: [20 << 40, 70 << 40, 12_345_678_901_235] as [UInt64], [nil, 64 << 10])
    func known(total: UInt64, wanted: UInt64?) {
        let length = next(wanted, total: total)
        #expect(length % UInt64(Limits.chunkBytes) == 0)
        #expect((total - 1) / length + 1 <= 75_000)
        #expect(next(wanted, total: total, begun: 60_000) == length)
    }

    @Test func theLongestValueHasTheLongestBlocks() {
        #expect(next(total: 100_000 << 30) == 1 << 30)
        #expect(next(total: .max) == 1 << 30)
    }

    @Test func anUnknownLengthGrowsStepByStep() {
        let lengths = (0..<100_000).map { next(total: nil, begun: $0) }
        #expect(lengths == lengths.sorted())
        #expect(lengths[12_499] == 128 << 20)
        #expect(lengths[12_500] == 256 << 20)
        #expect(lengths.last == 1 << 30)
        #expect(lengths.reduce(0, +) > 70 << 40)
        #expect(next(64 << 10, total: nil, begun: 99_999) == 8 << 20)
    }
}
