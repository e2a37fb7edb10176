import Glibc
import Wire

// What the file is made to say of its stream, and how it ends.
extension WriteStream {
    // MARK: What the file says

    /// Fills a metadata buffer with what is to be described: a header, and the checksums of the
    /// bytes that it names.
    /// - Returns: checksums in the table behind the header, 0 when they are inside.
    func describe(
        into page: UnsafeMutableRawPointer, cluster: ClusterID, device: DeviceID
    ) -> Int {
        let (length, last) = described
        let chunks = BlockLayout.chunks(length: length)
        let isInline = chunks <= BlockLayout.inlineChecksums
        let behind = page + BlockLayout.headerBytes
        memset(page, 0, BlockLayout.headerBytes)
        if !isInline { memset(behind, 0, BlockLayout.tableBytes(chunks: chunks)) }
        let target = isInline ? page + BlockHeader.checksumsOffset : behind
        for chunk in 0..<chunks { target.storeLittle(table[chunk], at: chunk * 4) }
        if let last, chunks > 0 { target.storeLittle(last, at: (chunks - 1) * 4) }
        let isSealed = file.account == .seal
        let header = BlockHeader(
            state: isSealed ? .sealed : .open, sequence: file.sequence, cluster: cluster,
            device: device, block: block, epoch: epoch, lease: lease, length: length,
            maxLength: maxLength, checksum: isSealed ? seal.checksum : 0,
            inlineCount: isInline ? UInt32(chunks) : 0, tableCount: isInline ? 0 : UInt32(chunks),
            tableChecksum: isInline ? 0 : CRC32C.of(behind, count: chunks * 4),
            incarnation: incarnation)
        header.encode(into: page)
        return isInline ? 0 : chunks
    }

    /// How many bytes, and the last chunk's checksum when it grew since.
    private var described: (length: UInt64, last: UInt32?) {
        switch file.account {
        case .opening: return (0, nil)
        case .seal: return (hwm, nil)
        case .flush: return (flushed.end, flushed.lastChecksum)
        }
    }

    /// The next step of its file's end.
    mutating func endFile() -> BlockFile.Action {
        let isTrimmed = isSealSettled && !isUnlinking
        return file.end(
            keeping: isTrimmed ? BlockLayout.filePages(length: hwm) : nil, maxLength: maxLength)
    }
}
