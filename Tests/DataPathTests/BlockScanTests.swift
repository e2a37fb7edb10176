import Foundation
import TestSupport
import Testing
import Wire

@testable import DataPath

/// A data directory with whatever may lie in one, as a node finds it at its start.
struct BlockScanTests {
    /// Makes a directory, fills its `blocks`, scans it, and takes it away again.
    private func scan(
        _ fill: (_ blocks: String, DeviceID) throws -> Void,
        progress: (BlockScan.Progress) -> Void = { _ in }
    ) throws -> BlockScan {
        try ScratchFolder.with { path in
            let directory = try DataDirectory.open(path, node: nil)
            try fill(path + "/blocks", directory.device)
            return try BlockScan(
                [directory.folders], cluster: BlockImage.cluster, progress: progress)
        }
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func image(_ device: DeviceID, _ block: BlockID, _ cluster: ClusterID) -> [UInt8] {
        var bytes = [UInt8](repeating: 7, count: 8_192 + 100)
        let header = BlockHeader(
            state: .sealed, sequence: 2, cluster: cluster, device: device, block: block,
            epoch: Epoch(1), lease: LeaseID(high: 1, low: 1), length: 100, maxLength: 1 << 20,
            checksum: 9, inlineCount: 1, tableCount: 0, tableChecksum: 0)
        bytes.withUnsafeMutableBytes { header.encode(into: $0.baseAddress! + 4_096) }
        return bytes
    }

    /// D9, D10: everything that is not this device's block is left alone and named.
    @Test func whatIsNotOursIsLeftAloneAndNamed() throws {
        let own = BlockImage.cluster
        let scan = try scan { blocks, device in
            try write(image(device, BlockID(1), own), blocks + "/0000000000000001.blk")
            try write(
                image(device, BlockID(2), ClusterID(high: 8, low: 8)),
                blocks + "/0000000000000002.blk")
            try write(
                image(DeviceID(high: 8, low: 8), BlockID(3), own),
                blocks + "/0000000000000003.blk")
            try write(image(device, BlockID(5), own), blocks + "/0000000000000004.blk")
            try write([], blocks + "/0000000000000005.blk")
            try write([1, 2, 3], blocks + "/notes.txt")
            try FileManager.default.createDirectory(
                atPath: blocks + "/0000000000000006.blk", withIntermediateDirectories: false)
            try FileManager.default.createSymbolicLink(
                atPath: blocks + "/0000000000000007.blk", withDestinationPath: "notes.txt")
        }
        #expect(scan.index[BlockID(1)]?.state == .sealed)
        #expect(scan.index[BlockID(2)] == nil && scan.index[BlockID(3)] == nil)
        #expect(scan.index[BlockID(4)]?.state == .mayBeLost)
        #expect(scan.index[BlockID(5)]?.state == .mayBeLost)
        #expect(scan.strays.count == 7)
        for (file, reason) in [
            ("2.blk", "of cluster"), ("3.blk", "of cluster"), ("4.blk", "holds block"),
            ("5.blk", "no header at offset 0"), ("notes.txt", "not a block file's name"),
            ("6.blk", "not a regular file"), ("7.blk", "levels of symbolic links"),
        ] {
            #expect(
                scan.strays.contains { $0.contains(file) && $0.contains(reason) },
                "\(file): \(scan.strays)")
        }
    }

    /// D10: 100,000 files, most of them halves. Each is looked at once, progress is told, and all
    /// that cannot be understood is listed.
    @Test func d10AHundredThousandStrayAndHalfBlocks() throws {
        let count = 100_000
        var told: [Int] = []
        let scan = try scan(
            { blocks, device in
                let whole = image(device, BlockID(1), BlockImage.cluster)
                for number in 1...count {
                    let path = blocks + "/\(BlockID(UInt64(number))).blk"
                    if number % 1_000 == 0 {
                        var bytes = whole
                        let block = image(
                            device, BlockID(UInt64(number)), BlockImage.cluster)
                        bytes.replaceSubrange(4_096..<8_192, with: block[4_096..<8_192])
                        try write(bytes, path)
                    } else {
                        let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
                        guard file >= 0 else { throw POSIXError(.EIO) }
                        if number % 20 == 0 {
                            let half = whole[4_096..<5_000]
                            let written = half.withUnsafeBytes {
                                Foundation.write(file, $0.baseAddress, $0.count)
                            }
                            guard written == half.count else { throw POSIXError(.EIO) }
                        }
                        close(file)
                    }
                }
            },
            progress: { told.append($0.files) })
        #expect(scan.index.records.count == count)
        let sealed = scan.index.records.values.count { $0.state == .sealed }
        #expect(sealed == count / 1_000)
        #expect(scan.strays.count == count - sealed, "every half is named")
        #expect(told == (1..<10).map { $0 * BlockScan.filesPerProgress })
    }

    /// A removed directory is noticed before a write meets it.
    @Test func d9ADirectoryThatVanishesIsADefect() throws {
        try ScratchFolder.with { path in
            let directory = try DataDirectory.open(path, node: nil)
            #expect(directory.defect == nil)
            try FileManager.default.removeItem(atPath: path)
            #expect(directory.defect == "the directory was removed")
        }
    }
}
