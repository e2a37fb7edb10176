import System
import Testing
import Wire

@testable import DataPath

/// Rows D6 and D7 of the fault catalogue, as far as one block file decides them.
@Suite("Damaged block files")
struct BlockDamageTests {
    private static func seeded() -> Seeded {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("seed \(seed)")
        return Seeded(seed)
    }

    private static let lengths = [1, 4_095, 4_096, 65_536, 65_537, 200_000, 262_144]

    @Test func aWholeBlockIsWhole() {
        var random = Self.seeded()
        for (number, length) in Self.lengths.enumerated() {
            let sample = SampleBlock(UInt64(number + 1), length: length, using: &random)
            #expect(sample.scrub(sample.file) == nil)
            #expect(sample.scrub(sample.file, pieceBytes: 8 * Limits.chunkBytes) == nil)
        }
    }

    /// D6: 10,000 random bits of blocks, header, payload and table alike.
    @Test func d6EveryRandomBitFlipIsFound() {
        var random = Self.seeded()
        let samples = Self.lengths.enumerated().map {
            SampleBlock(UInt64($0.offset + 1), length: $0.element, using: &random)
        }
        var missed: [String] = []
        for flip in 0..<10_000 {
            let sample = samples[flip % samples.count]
            // Payload mostly, as on a disk; every fifth flip is in what describes it.
            let range = sample.covered[flip % 5 == 0 ? 0 : 1]
            let byte = Int.random(in: range, using: &random)
            let bit = UInt8.random(in: 0..<8, using: &random)
            var bytes = sample.file
            bytes[byte] ^= 1 << bit
            if sample.scrub(bytes) == nil { missed.append("\(sample.block) \(byte).\(bit)") }
        }
        #expect(missed.isEmpty, "\(missed.prefix(5))")
    }

    /// D6, a block with a checksum table of its own.
    @Test func d6EveryBitOfATableIsFound() {
        var random = Self.seeded()
        let length = (BlockLayout.inlineChecksums + 3) * Limits.chunkBytes - 11
        let sample = SampleBlock(9, length: length, using: &random)
        #expect(sample.scrub(sample.file, pieceBytes: 8 * Limits.chunkBytes) == nil)
        for _ in 0..<4 {
            var bytes = sample.file
            let byte = Int.random(in: sample.covered[2], using: &random)
            bytes[byte] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            #expect(sample.scrub(bytes) != nil)
        }
    }

    /// D7: 1,000 files with another block's bytes, an older state, or a part of one.
    @Test func d7EverySwappedOrStaleFileIsFound() {
        var random = Self.seeded()
        let payload = Int(BlockLayout.payloadOffset)
        var missed: [String] = []
        for round in 0..<250 {
            let length = Int.random(in: 1...70_000, using: &random)
            let number = UInt64(round * 2 + 1)
            let one = SampleBlock(number, length: length, epoch: 2, using: &random)
            let two = SampleBlock(number + 1, length: length, epoch: 2, using: &random)
            let older = SampleBlock(number, length: length, epoch: 1, using: &random)
            let rewritten = SampleBlock(number, length: length, epoch: 2, using: &random)
            let head = Array(one.file[..<payload])
            let open = Array(one.file[..<BlockLayout.headerBytes])
            let blank = [UInt8](repeating: 0, count: BlockLayout.headerBytes)
            let bytes = Array(one.file[payload...])
            // The whole file of another block; its payload under this one's header.
            var files: [[UInt8]] = [two.file, head + Array(two.file[payload...])]
            // The block before it was written anew, and other bytes under the same epoch.
            files += [older.file, rewritten.file]
            // The header is the new one, the payload was never written.
            files.append(head + Array(older.file[payload...]))
            // The sealed header was lost, the open one is there; the end of the file is missing.
            files += [open + blank + bytes, Array(one.file[..<(payload + length - 1)])]
            for (kind, file) in files.enumerated() where one.scrub(file) == nil {
                missed.append("round \(round), kind \(kind)")
            }
        }
        #expect(missed.isEmpty, "\(missed.prefix(5))")
    }
}
