import Glibc
import Reactor
import Wire

// What a block file says of itself, on its way to the device: a header copy, and before it the
// checksum table when the header has no room.
extension Datanode where Ring: ~Copyable {
    /// Fills the stream's metadata buffer with a header of `entry.headerSequence` and the checksums
    /// of the block's first `length` bytes.
    /// - Parameter last: the last chunk's, when it grew since.
    /// - Returns: checksums in the table behind the header, 0 when they are inside.
    mutating func fillMetadata(
        _ stream: Int32, _ state: BlockHeader.State, length: UInt64, last: UInt32?
    ) -> Int {
        let entry = streams.at(stream)
        let chunks = BlockLayout.chunks(length: length)
        let isInline = chunks <= BlockLayout.inlineChecksums
        let page = core.buffers.metadata(entry.pointee.metadata)
        let table = page + BlockLayout.headerBytes
        memset(page, 0, BlockLayout.headerBytes)
        if !isInline { memset(table, 0, BlockLayout.tableBytes(chunks: chunks)) }
        let target = isInline ? page + BlockHeader.checksumsOffset : table
        for chunk in 0..<chunks { target.storeLittle(entry.pointee.table[chunk], at: chunk * 4) }
        if let last, chunks > 0 { target.storeLittle(last, at: (chunks - 1) * 4) }
        let header = BlockHeader(
            state: state, sequence: entry.pointee.headerSequence, cluster: core.identity.cluster,
            device: core.blocks.devices[entry.pointee.device].id, block: entry.pointee.block,
            epoch: entry.pointee.epoch, lease: entry.pointee.lease, length: length,
            maxLength: entry.pointee.maxLength,
            checksum: state == .open ? 0 : entry.pointee.seal.checksum,
            inlineCount: isInline ? UInt32(chunks) : 0, tableCount: isInline ? 0 : UInt32(chunks),
            tableChecksum: isInline ? 0 : CRC32C.of(table, count: chunks * 4),
            incarnation: entry.pointee.incarnation)
        header.encode(into: page)
        return isInline ? 0 : chunks
    }

    mutating func writeTable(_ stream: Int32, _ kind: OperationKind, _ chunks: Int) {
        let entry = streams.at(stream)
        entry.pointee.metadataTransfer =
            kind == .writeTable
            ? .table(length: entry.pointee.hwm)
            : .flushTable(
                maxLength: entry.pointee.maxLength, sequence: entry.pointee.headerSequence,
                chunks: chunks)
        writeMetadata(stream, kind)
    }

    mutating func writeHeader(_ stream: Int32, _ kind: OperationKind) {
        let entry = streams.at(stream)
        entry.pointee.metadataTransfer = .header(sequence: entry.pointee.headerSequence)
        writeMetadata(stream, kind)
    }

    private mutating func writeMetadata(_ stream: Int32, _ kind: OperationKind) {
        let entry = streams.at(stream)
        let isTable = kind == .writeTable || kind == .writeFlushTable
        let page = core.buffers.metadata(entry.pointee.metadata)
        start(
            kind, stream: stream,
            entry.pointee.metadataTransfer.write(
                entry.pointee.descriptor, from: isTable ? page + BlockLayout.headerBytes : page))
    }

    /// What came of a header or table on its way to the device. `true`: it is there, and the stream
    /// goes on. Otherwise the write goes on, or the stream has ended.
    mutating func wroteMetadata(
        _ stream: Int32, _ kind: OperationKind, _ outcome: Outcome
    ) -> Bool {
        guard settle(stream: stream) else {
            endIfSettled(stream)
            return false
        }
        switch streams.at(stream).pointee.metadataTransfer.take(outcome) {
        case .whole: return true
        case .more: writeMetadata(stream, kind)
        case .short: deviceRefused(stream, .failed(EIO))
        case .failed: deviceRefused(stream, outcome)
        }
        return false
    }
}
