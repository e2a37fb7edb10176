import Testing
import Wire

@testable import DataPath

struct BlockHeaderTests {
    private static func header(sequence: UInt64, _ state: BlockHeader.State = .sealed)
        -> BlockHeader
    {
        BlockHeader(
            state: state, sequence: sequence, cluster: ClusterID(high: 1, low: 2),
            device: DeviceID(high: 3, low: 4), block: BlockID(5), epoch: Epoch(6),
            lease: LeaseID(high: 7, low: 8), length: 70_000, maxLength: 1 << 27, checksum: 9,
            inlineCount: 2, tableCount: 0, tableChecksum: 0,
            incarnation: NamespaceIncarnation(0xfeed_0001))
    }

    private func page(_ header: BlockHeader) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BlockLayout.headerBytes)
        bytes.withUnsafeMutableBytes { header.encode(into: $0.baseAddress!) }
        return bytes
    }

    private func decode(_ bytes: [UInt8]) -> Result<BlockHeader, BlockHeader.Defect> {
        bytes.withUnsafeBytes { buffer in
            Result { () throws(BlockHeader.Defect) in
                try BlockHeader(decoding: buffer.baseAddress!)
            }
        }
    }

    @Test func aPageComesBackAsItWas() {
        #expect(decode(page(Self.header(sequence: 1))) == .success(Self.header(sequence: 1)))
    }

    /// Every bit that the checksum covers, one at a time.
    @Test func everySingleBitFlipIsDetected() {
        let good = page(Self.header(sequence: 1))
        for bit in 0..<((BlockHeader.checksumOffset + 4) * 8) {
            var bad = good
            bad[bit / 8] ^= 1 << UInt8(bit % 8)
            if case .success = decode(bad) {
                Issue.record("bit \(bit) was not noticed")
                return
            }
        }
    }

    @Test func theNewerValidCopyRules() {
        let old = page(Self.header(sequence: 1, .open))
        let new = page(Self.header(sequence: 2))
        var torn = new
        torn[100] ^= 1
        let blank = [UInt8](repeating: 0, count: BlockLayout.headerBytes)
        func newest(_ pages: [UInt8]) -> UInt64? {
            pages.withUnsafeBytes { buffer in
                guard case .success(let found) = BlockHeader.newest(of: buffer.baseAddress!) else {
                    return nil
                }
                return found.header.sequence
            }
        }
        #expect(newest(old + new) == 2)
        #expect(newest(new + old) == 2)
        #expect(newest(old + torn) == 1, "a torn new copy leaves the old one in force")
        #expect(newest(old + blank) == 1)
        #expect(newest(blank + torn) == nil)
    }

    /// A recycled file may still have a sealed copy of the block it was, under a higher sequence.
    @Test func aCopyOfTheFilesEarlierLifeDoesNotRule() {
        var earlier = Self.header(sequence: 2)
        earlier.block = BlockID(4)
        let own = page(Self.header(sequence: 1, .open))
        func newest(_ pages: [UInt8]) -> BlockHeader? {
            pages.withUnsafeBytes { buffer in
                let found = BlockHeader.newest(of: buffer.baseAddress!, block: BlockID(5))
                guard case .success(let newest) = found else { return nil }
                return newest.header
            }
        }
        #expect(newest(own + page(earlier)) == Self.header(sequence: 1, .open))
        #expect(newest(page(earlier) + own) == Self.header(sequence: 1, .open))
        #expect(newest(page(earlier) + page(earlier))?.block == BlockID(4), "it is named")
    }

    @Test func theLayoutKeepsItsOverhead() {
        #expect(BlockLayout.tableBytes(maxLength: 4096) == 0)
        #expect(BlockLayout.payloadOffset <= 12 << 10)
        let full = UInt64(Limits.defaultBlockBytes)
        let overhead = BlockLayout.payloadOffset + UInt64(BlockLayout.tableBytes(maxLength: full))
        #expect(overhead * 100 <= full, "at most 1% of a full block")
    }
}

struct DeviceIdentityTests {
    @Test func aTextComesBackAsItWas() {
        let bound = DeviceIdentity(cluster: .random(), node: .random(), device: .random())
        let fresh = DeviceIdentity(cluster: nil, node: .random(), device: .random())
        #expect(DeviceIdentity(bound.text) == bound)
        #expect(DeviceIdentity(fresh.text) == fresh)
    }

    @Test(arguments: [
        "", "catena-device 2\n", "catena-device 1\nnode x\ndevice y\n",
        "catena-device 1\nnode 00000000-0000-4000-8000-000000000001\n",
    ])
    func anythingElseIsRefused(text: String) { #expect(DeviceIdentity(text) == nil) }
}
