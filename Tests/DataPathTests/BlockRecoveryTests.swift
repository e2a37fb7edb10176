import Testing
import Wire

@testable import DataPath

/// What a restarted node makes of a block file that was damaged: D5 (torn or truncated anywhere)
/// and D6 (single bits), for headers.
struct BlockRecoveryTests {
    @Test func aWholeFileIsWhatItWas() {
        let open = BlockImage(flushes: [])
        #expect(open.length == 0, "begun, and nothing is known of it")
        #expect(BlockImage(flushes: [70_000]).length == 70_000)
        #expect(BlockImage(flushes: [1, 4_096, 70_000, 131_072]).length == 131_072)
        let sealed = BlockImage(flushes: [70_000], sealed: 100_000)
        #expect(sealed.isSealed && sealed.length == 100_000)
    }

    /// D5: the newest copy is torn at every byte; what was durable before is what is left.
    @Test func d5ATornHeaderLeavesTheOlderCopy() {
        let image = BlockImage(flushes: [70_000, 100_000])
        let before = BlockImage(flushes: [70_000])
        for cut in 0..<BlockHeader.checksumOffset + 4 {
            for tail in [nil, 0xff] as [UInt8?] {
                var torn = image
                torn.tearNewest(at: cut, before, tail)
                let length = torn.length
                guard length == 70_000 || length == 100_000 else {
                    Issue.record("torn at \(cut): \(torn.finding)")
                    return
                }
                // Of a copy whose first bytes are the same, nothing is torn before they differ.
                #expect(length == 70_000 || torn.bytes == image.bytes, "torn at \(cut)")
            }
        }
    }

    /// D5: a file that ends anywhere. A sealed block that is not whole is not served; of an open
    /// one, what is there of the durable prefix is known.
    @Test func d5ATruncatedFileIsFoundOut() {
        let sealed = BlockImage(flushes: [], sealed: 100_000)
        let open = BlockImage(flushes: [70_000, 100_000])
        let whole = Int(BlockLayout.payloadOffset) + 100_000
        let cuts = Array(0...8_200) + Array(stride(from: 8_201, to: whole, by: 997)) + [whole - 1]
        for cut in cuts {
            var image = sealed
            image.bytes.removeSubrange(min(cut, image.bytes.count)...)
            if image.isSealed {
                Issue.record("cut at \(cut): \(image.finding)")
                return
            }
            image = open
            image.bytes.removeSubrange(min(cut, image.bytes.count)...)
            let length = image.length
            if length ?? 0 > max(0, cut - 8_192) {
                Issue.record("cut at \(cut): \(image.finding)")
                return
            }
        }
    }

    /// The device kept the newer copy and not the bytes it names.
    @Test func bytesThatTheSyncDidNotCoverAreNotBelieved() {
        var image = BlockImage(flushes: [70_000, 200_000])
        image.bytes[8_192 + 190_000] ^= 1
        #expect(image.length == 131_072, "whole chunks that match are there")
        image.bytes[8_192 + 80_000] ^= 1
        #expect(image.length == 70_000, "what was synced before stays")
        var first = BlockImage(flushes: [100_000])
        first.bytes[8_192 + 99_999] ^= 1
        #expect(first.length == 65_536)
        first.bytes[8_192] ^= 1
        #expect(first.length == 0)
    }

    /// D6: every single bit of both header pages, of an open and of a sealed block.
    @Test(arguments: [false, true])
    func d6AFlippedBitInAHeaderIsDetectedOrHarmless(isSealed: Bool) {
        let image = BlockImage(flushes: [70_000, 100_000], sealed: isSealed ? 110_000 : nil)
        let whole = image.finding
        for bit in 0..<2 * BlockLayout.headerBytes * 8 {
            var bad = image
            bad.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let finding = bad.finding
            if finding == whole { continue }
            // The other copy rules, and describes no more than was durable.
            guard case .prefix(let header, let length) = finding, header.state == .open,
                length == 70_000 || length == 100_000, bad.notice != nil
            else {
                Issue.record("bit \(bit): \(finding)")
                return
            }
        }
    }

    @Test func otherClustersDevicesAndBlocksAreNamed() {
        let image = BlockImage(flushes: [], sealed: 100)
        #expect(image.find(cluster: ClusterID(high: 9, low: 9)).isForeign)
        #expect(image.find(device: DeviceID(high: 9, low: 9)).isForeign)
        #expect(image.find(block: BlockID(9)).isForeign)
        let empty = BlockImage(flushes: [], isBlank: true)
        #expect(empty.finding == .unreadable("no header at offset 0"))
    }

    /// Over 56 MiB the checksums are in a table behind everything; two of them, in turn.
    @Test func aTableIsBelievedWhenItIsWhole() {
        let size = UInt64(Limits.chunkBytes)
        let lengths = [size * 900, size * 950]
        for damaged in [nil, 0, 1] as [Int?] {
            let file = TableImage(lengths: lengths, damagedTable: damaged)
            let expected: BlockFinding.Short =
                switch damaged {
                // The older copy's table, which nobody needs.
                case nil, 0: .prefix(lengths[1])
                default: .prefix(lengths[0])
                }
            #expect(file.finding.short == expected, "table \(String(describing: damaged))")
        }
        #expect(TableImage(lengths: lengths, damagedTable: 2).finding.short == .damaged)
    }

    /// No table of an open block lies where payload or a seal may come, whatever the lengths.
    @Test func tablesLieBehindEverything() {
        let longest = UInt64(Limits.blockBytes.upperBound)
        for maxLength in [57 << 20, (57 << 20) + 1, 128 << 20, longest - 1, longest] as [UInt64] {
            let table = UInt64(BlockLayout.tableBytes(maxLength: maxLength))
            let slots = [2, 3].map {
                BlockLayout.flushTableOffset(maxLength: maxLength, sequence: $0)
            }
            #expect(slots[1] == slots[0] + table, "one behind the other")
            for length in [maxLength, maxLength - 1, maxLength / 2] {
                #expect(BlockLayout.tableOffset(length: length) + table <= slots[0])
            }
            let pages = UInt64(BlockLayout.flushedFilePages(maxLength: maxLength))
            #expect(pages * 4_096 == slots[1] + table)
        }
    }
}
