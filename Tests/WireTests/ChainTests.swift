import System
import Testing
import Wire

struct ChainTests {
    private func node(_ number: UInt64, host: String = "h", port: UInt16 = 1) -> ChainNode {
        ChainNode(node: NodeID(high: 0, low: number), host: host, port: port)
    }

    @Test func oneToFiveNodesMakeAChain() {
        #expect(Chain([]) == nil)
        for count in 1...5 { #expect(Chain((1...count).map { node(UInt64($0)) }) != nil) }
        #expect(Chain((1...6).map { node(UInt64($0)) }) == nil)
    }

    @Test func aNodeIsNamedOnceAndCanBeReached() {
        #expect(Chain([node(1), node(1, host: "other")]) == nil)
        #expect(Chain([node(1, host: "")]) == nil)
        #expect(Chain([node(1, port: 0)]) == nil)
        #expect(Chain([node(1, host: String(repeating: "h", count: 255))]) != nil)
        #expect(Chain([node(1, host: String(repeating: "h", count: 256))]) == nil)
    }

    @Test func whatIsMissingOrLeftOverIsRefused() {
        for count in 0..<Sample.chainBytes.count {
            #expect(Chain(decoding: Sample.chainBytes.prefix(count)) == nil, "\(count) bytes")
        }
        #expect(Chain(decoding: Sample.chainBytes + [0]) == nil)
    }

    @Test func aHostThatIsNotTextIsRefused() {
        var wrong = Sample.chainBytes
        wrong[20] = 0xff
        #expect(Chain(decoding: wrong) == nil)
    }

    @Test func aSliceIsReadFromItsOwnStart() {
        let padded = [1, 2, 3] + Sample.chainBytes
        #expect(Chain(decoding: padded.dropFirst(3)) == Sample.chain)
    }

    @Test func hostileBytesGetNoChainOrAWholeOne() {
        let seed: UInt64 = 0xc4a1
        var generator = Seeded(seed)
        for round in 0..<20_000 {
            var bytes = Sample.chainBytes
            for _ in 0...Int.random(in: 0...2, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                    UInt8(truncatingIfNeeded: generator.next())
            }
            guard let chain = Chain(decoding: bytes) else { continue }
            #expect(chain.encoded() == bytes, "seed \(seed) round \(round)")
        }
    }

    @Test func theHashCoversAddressesAndOrder() throws {
        let first = node(1)
        let second = node(2)
        let hashes = [
            try #require(Chain([first, second])).hash, try #require(Chain([second, first])).hash,
            try #require(Chain([first])).hash, try #require(Chain([first, node(2, port: 2)])).hash,
            try #require(Chain([first, node(2, host: "i")])).hash,
        ]
        #expect(Set(hashes).count == hashes.count)
        #expect(hashes.allSatisfy { $0.count == 16 })
    }
}
