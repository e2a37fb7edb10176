import System
import Testing
import Wire

struct CRC32CTests {
    /// The check value of the catalogue, and the vectors of RFC 3720 appendix B.4.
    @Test func knownAnswers() {
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xe306_9283)
        #expect(CRC32C.of([]) == 0)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.of([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(CRC32C.of(Array(0..<32)) == 0x46dd_794e)
        #expect(CRC32C.of(Array((0..<32).reversed())) == 0x113f_db5c)
    }

    /// Against the definition, a bit at a time.
    @Test func agreesWithTheDefinition() {
        let seed: UInt64 = 0xc3c
        var generator = Seeded(seed)
        for count in Array(0...300) + [4_095, 4_096, 4_097] {
            let bytes = generator.bytes(count)
            #expect(CRC32C.of(bytes) == reference(bytes), "seed \(seed) count \(count)")
        }
    }

    @Test func aSeedGoesOn() {
        var generator = Seeded(0xc0de)
        for _ in 0..<200 {
            let first = generator.bytes(Int.random(in: 1...500, using: &generator))
            let second = generator.bytes(Int.random(in: 1...500, using: &generator))
            let continued = second.withUnsafeBytes {
                CRC32C.of(
                    $0.baseAddress.unsafelyUnwrapped, count: $0.count, seed: CRC32C.of(first))
            }
            #expect(continued == CRC32C.of(first + second))
        }
    }

    @Test func combinedIsDirect() {
        let seed: UInt64 = 0xc0b1
        var generator = Seeded(seed)
        for round in 0..<500 {
            let first = generator.bytes(Int.random(in: 0...2_000, using: &generator))
            let second = generator.bytes(Int.random(in: 0...2_000, using: &generator))
            let combined = CRC32C.combine(
                CRC32C.of(first), CRC32C.of(second), secondLength: UInt64(second.count))
            #expect(combined == CRC32C.of(first + second), "seed \(seed) round \(round)")
        }
    }

    /// Many chunks of one length, the way a block's checksum is made from its chunks'.
    @Test func aShiftServesManyPieces() {
        var generator = Seeded(0x5417)
        let chunk = 1_000
        let shift = CRC32C.shift(by: UInt64(chunk))
        var all: [UInt8] = []
        var combined: UInt32 = 0
        for _ in 0..<20 {
            let piece = generator.bytes(chunk)
            all += piece
            combined = CRC32C.multiply(combined, shift) ^ CRC32C.of(piece)
        }
        #expect(combined == CRC32C.of(all))
    }

    /// Lengths beyond memory: shifting in two steps is shifting in one.
    @Test func shiftsAdd() {
        for (left, right): (UInt64, UInt64) in [(1, 2), (1 << 30, 1 << 30), (1 << 55, 3)] {
            let stepwise = CRC32C.multiply(CRC32C.shift(by: left), CRC32C.shift(by: right))
            #expect(stepwise == CRC32C.shift(by: left + right))
        }
        #expect(CRC32C.combine(0x1234_5678, 0, secondLength: 0) == 0x1234_5678)
    }

    private func reference(_ bytes: [UInt8]) -> UInt32 {
        var register = UInt32.max
        for byte in bytes {
            register ^= UInt32(byte)
            for _ in 0..<8 {
                register = register & 1 == 0 ? register >> 1 : register >> 1 ^ 0x82f6_3b78
            }
        }
        return ~register
    }
}
