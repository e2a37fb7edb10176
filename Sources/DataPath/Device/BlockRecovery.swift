import Wire

/// Judges one block file by its two header copies, after a restart.
///
/// A sealed copy stands for itself: of a block that was flushed before, the bytes it names were
/// durable before it was written. Of an open block the newer copy may have outlived bytes that it
/// names, because one sync makes both durable; so what it adds to the older one is compared with
/// its checksums, and the longest prefix of which that holds is kept. What the older copy says was
/// synced before the newer one was begun, and is believed.
package struct BlockRecovery: ~Copyable {
    /// Reads `count` bytes at an offset of the file.
    /// - Returns: how many there were; negative for an error of the device.
    package typealias Source = (UnsafeMutableRawPointer, _ count: Int, _ offset: UInt64) -> Int

    private let cluster: ClusterID
    private let device: DeviceID
    private let pages: UnsafeMutableRawPointer
    private let chunk: UnsafeMutableRawPointer
    private let table: UnsafeMutableRawPointer
    private static var tableBytes: Int {
        BlockLayout.tableBytes(maxLength: UInt64(Limits.blockBytes.upperBound))
    }

    package init(cluster: ClusterID, device: DeviceID) {
        self.cluster = cluster
        self.device = device
        func memory(_ count: Int) -> UnsafeMutableRawPointer {
            .allocate(byteCount: count, alignment: 4096)
        }
        pages = memory(2 * BlockLayout.headerBytes)
        chunk = memory(Limits.chunkBytes)
        table = memory(Self.tableBytes)
    }

    deinit {
        pages.deallocate()
        chunk.deallocate()
        table.deallocate()
    }

    /// A header copy of the block, and where its own checksums lie.
    private struct Copy {
        let header: BlockHeader
        let page: Int
    }

    /// - Parameters:
    ///   - size: of the file.
    ///   - notice: what the operator should know beside the finding.
    package func examine(
        _ block: BlockID, size: UInt64, notice: inout String?, read: Source
    ) -> BlockFinding {
        pages.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * BlockLayout.headerBytes)
        guard read(pages, 2 * BlockLayout.headerBytes, 0) >= 0 else {
            return .unreadable("the headers at offset 0 cannot be read")
        }
        var own: [Copy] = []
        var other: BlockHeader?
        var defects: [String] = []
        for page in 0...1 {
            let offset = page * BlockLayout.headerBytes
            do throws(BlockHeader.Defect) {
                let header = try BlockHeader(decoding: pages + offset)
                if isOwn(header, block) {
                    own.append(Copy(header: header, page: page))
                } else {
                    other = header
                }
            } catch {
                if error != .absent || !isBlank(page) {
                    defects.append("header \(error) at offset \(offset)")
                }
            }
        }
        if !own.isEmpty, !defects.isEmpty { notice = "\(defects[0]): the other copy rules" }
        own.sort { $0.header.sequence > $1.header.sequence }
        guard let newest = own.first else {
            if let other { return .foreign(other) }
            return .unreadable(
                defects.isEmpty ? "no header at offset 0" : defects.joined(separator: ", "))
        }
        guard newest.header.state == .open else { return sealed(newest.header, size) }
        return prefix(newest, own.count > 1 ? own[1] : nil, size, &notice, read)
    }

    /// Nothing was ever written there; a page of other bytes is one that was damaged.
    private func isBlank(_ page: Int) -> Bool {
        let start = pages + page * BlockLayout.headerBytes
        return (0..<BlockLayout.headerBytes / 8).allSatisfy {
            start.load(fromByteOffset: $0 * 8, as: UInt64.self) == 0
        }
    }

    private func isOwn(_ header: BlockHeader, _ block: BlockID) -> Bool {
        header.block == block && header.cluster == cluster && header.device == device
    }

    private func sealed(_ header: BlockHeader, _ size: UInt64) -> BlockFinding {
        let table =
            header.tableCount == 0
            ? 0 : BlockLayout.tableOffset(length: header.length) + UInt64(header.tableCount) * 4
        let end = max(BlockLayout.payloadOffset + header.length, table)
        guard size >= end else {
            return .damaged("sealed, and the file ends at offset \(size) instead of \(end)")
        }
        return .sealed(header)
    }

    private func prefix(
        _ newest: Copy, _ older: Copy?, _ size: UInt64, _ notice: inout String?, _ read: Source
    ) -> BlockFinding {
        let base = older.map { $0.header.state == .open ? $0.header.length : 0 } ?? 0
        guard newest.header.length > 0 else { return .prefix(newest.header, length: 0) }
        if let sums = checksums(newest, read) {
            let verified = verify(newest.header.length, from: base, sums, read)
            if verified == newest.header.length || verified > base {
                return .prefix(newest.header, length: verified)
            }
        }
        guard let older, base > 0 else {
            notice = "flushed to \(newest.header.length), and none of it matches its checksums"
            return .prefix(newest.header, length: 0)
        }
        guard size >= BlockLayout.payloadOffset + base else {
            return .damaged("flushed to \(base), and the file ends at offset \(size)")
        }
        guard checksums(older, read) != nil else {
            return .damaged(
                "flushed to \(base), and its checksum table at offset "
                    + "\(tableOffset(older.header)) is not whole")
        }
        return .prefix(older.header, length: base)
    }

    private func tableOffset(_ header: BlockHeader) -> UInt64 {
        BlockLayout.flushTableOffset(maxLength: header.maxLength, sequence: header.sequence)
    }

    /// The checksums that a copy names, or `nil` when its table is not whole.
    private func checksums(_ copy: Copy, _ read: Source) -> UnsafeRawPointer? {
        let count = Int(copy.header.tableCount) * 4
        guard count > 0 else {
            return UnsafeRawPointer(pages) + copy.page * BlockLayout.headerBytes
                + BlockHeader.checksumsOffset
        }
        guard copy.header.maxLength <= UInt64(Limits.blockBytes.upperBound),
            count <= Self.tableBytes, read(table, count, tableOffset(copy.header)) == count,
            CRC32C.of(table, count: count) == copy.header.tableChecksum
        else { return nil }
        return UnsafeRawPointer(table)
    }

    /// Compares the chunks that `from` to `length` touch.
    /// - Returns: the end of the last chunk before the first that does not match.
    private func verify(
        _ length: UInt64, from: UInt64, _ checksums: UnsafeRawPointer, _ read: Source
    ) -> UInt64 {
        let size = UInt64(Limits.chunkBytes)
        var start = from / size * size
        while start < length {
            let count = Int(min(size, length - start))
            guard read(chunk, count, BlockLayout.payloadOffset + start) == count,
                CRC32C.of(chunk, count: count)
                    == checksums.loadLittle(UInt32.self, at: Int(start / size) * 4)
            else { return start }
            start += UInt64(count)
        }
        return length
    }
}
