import Load
import System
import Testing

@Suite struct PayloadPatternTests {
    private static let bytes = 5 * PayloadPattern.pageBytes + 777

    private func whole(_ seed: UInt64, object: UInt64, count: Int = bytes) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes {
            PayloadPattern(seed: seed).fill($0, object: object, offset: 0)
        }
        return bytes
    }

    @Test("any cut of an object has the bytes of the whole")
    func cuts() {
        let whole = whole(7, object: 3)
        for seed in UInt64(0)..<200 {
            var random = Seeded(seed)
            let start = Int(random.next() % UInt64(whole.count))
            let count = Int(random.next() % UInt64(whole.count - start)) + 1
            var part = [UInt8](repeating: 0, count: count)
            part.withUnsafeMutableBytes {
                PayloadPattern(seed: 7).fill($0, object: 3, offset: UInt64(start))
            }
            #expect(part[...] == whole[start..<start + count], "start \(start), count \(count)")
            part.withUnsafeBytes {
                let place = PayloadPattern(seed: 7)
                    .firstDifference($0, object: 3, offset: UInt64(start))
                #expect(place == nil)
            }
        }
    }

    @Test("one wrong bit is found where it is, wherever the cut begins")
    func wrong() {
        for seed in UInt64(0)..<200 {
            var random = Seeded(seed)
            let start = Int(random.next() % 9_000)
            var part = [UInt8](repeating: 0, count: Int(random.next() % 9_000) + 1)
            let pattern = PayloadPattern(seed: seed)
            part.withUnsafeMutableBytes { pattern.fill($0, object: 1, offset: UInt64(start)) }
            let place = Int(random.next() % UInt64(part.count))
            part[place] ^= 1 << UInt8(random.next() % 8)
            part.withUnsafeBytes {
                let found = pattern.firstDifference($0, object: 1, offset: UInt64(start))
                #expect(found == place)
            }
        }
    }

    @Test("seed, object and page each make other bytes")
    func different() {
        let first = whole(1, object: 1)
        #expect(whole(1, object: 1) == first)
        #expect(whole(2, object: 1) != first)
        #expect(whole(1, object: 2) != first)
        let page = PayloadPattern.pageBytes
        #expect(first[0..<page] != first[page..<2 * page])
    }

    @Test("no byte value comes much more often than another, and no word comes twice")
    func even() {
        let bytes = whole(5, object: 9, count: 1 << 20)
        var counts = [Int](repeating: 0, count: 256)
        for byte in bytes { counts[Int(byte)] += 1 }
        // 4,096 each is expected, with a deviation of 64.
        #expect(counts.allSatisfy { (3_600...4_600).contains($0) })
        // What a compressor would look for: 131,072 words out of 2^64 are all different.
        let words = bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
        #expect(Set(words).count == words.count)
    }
}
