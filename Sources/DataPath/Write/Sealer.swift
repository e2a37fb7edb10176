import Glibc
import Reactor
import Wire

// The end of a block: once every byte below the length is on the device, its header and checksums
// are written, and synced when the writer asked for that; then the answer goes up as the chain
// behind confirms.
extension Datanode where Ring: ~Copyable {
    mutating func sealRequested(_ index: Int32, _ header: FrameHeader) {
        let stream = connections.at(index).pointee.stream
        let entry = streams.at(stream)
        guard !isFenced else { return fail(index, .fenced) }
        guard header.length <= entry.pointee.maxLength else { return fail(index, .tokenTooShort) }
        guard entry.pointee.hwm <= header.length,
            entry.pointee.seal.request(
                length: header.length, checksum: header.checksum, level: header.flags.level)
        else { return fail(index, .sealMismatch) }
        trySeal(stream)
        let connection = connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.receiving != .discarding else {
            return
        }
        beginHeader(index)
    }

    /// Moves the seal on as far as it can go now.
    mutating func trySeal(_ stream: Int32) {
        let entry = streams.at(stream)
        guard entry.pointee.seal.isWanted, !entry.pointee.isEnding,
            entry.pointee.hwm == entry.pointee.seal.length, entry.pointee.file == .open
        else { return }
        if !entry.pointee.seal.isForwarded {
            guard hasGoodChecksum(stream) else { return }
            entry.pointee.seal.isForwarded = true
            if entry.pointee.successor != .none {
                entry.pointee.forwards.append(ForwardQueue.seal)
                forward(stream)
            }
        }
        switch entry.pointee.seal.local {
        case .waiting:
            guard entry.pointee.writes.isEmpty, entry.pointee.isHeaderWritten else { return }
            entry.pointee.seal.local = .writing
            metadataAvailable(stream)
        case .done:
            if let reached = entry.pointee.seal.reached, reached < entry.pointee.seal.level {
                syncFile(stream)
            } else {
                advanced(stream)
            }
        case .writing, .syncingFile, .syncingDirectory: break
        }
    }

    private mutating func hasGoodChecksum(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        let checksum = entry.pointee.table.blockChecksum(length: entry.pointee.hwm)
        guard checksum == entry.pointee.seal.checksum else {
            if entry.pointee.seal.local == .waiting { entry.pointee.seal.isRequested = false }
            entry.pointee.seal.isWanted = false
            if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .sealMismatch) }
            return false
        }
        return true
    }

    /// Fills header and table; the table goes first when there is one.
    mutating func writeSeal(_ stream: Int32) {
        let entry = streams.at(stream)
        let chunks = BlockLayout.chunks(length: entry.pointee.hwm)
        let page = metadata.memory(entry.pointee.metadata)
        let table = page + BlockLayout.headerBytes
        entry.pointee.headerSequence = 2
        memset(page, 0, Budget.metadataStride)
        var header = self.header(of: stream, .sealed)
        let isInline = chunks <= BlockLayout.inlineChecksums
        let target = isInline ? page + BlockHeader.checksumsOffset : table
        for chunk in 0..<chunks { target.storeLittle(entry.pointee.table[chunk], at: chunk * 4) }
        header.inlineCount = isInline ? UInt32(chunks) : 0
        header.tableCount = isInline ? 0 : UInt32(chunks)
        header.tableChecksum = isInline ? 0 : CRC32C.of(table, count: chunks * 4)
        header.encode(into: page)
        if isInline { writeSealHeader(stream) } else { writeTable(stream, chunks) }
    }

    private mutating func writeTable(_ stream: Int32, _ chunks: Int) {
        let entry = streams.at(stream)
        start(
            .writeTable, stream: stream,
            .write(
                entry.pointee.descriptor,
                metadata.memory(entry.pointee.metadata) + BlockLayout.headerBytes,
                count: (chunks * 4 + 4095) / 4096 * 4096,
                offset: BlockLayout.tableOffset(length: entry.pointee.hwm), registered: true))
    }

    private mutating func writeSealHeader(_ stream: Int32) {
        let entry = streams.at(stream)
        start(
            .writeSealHeader, stream: stream,
            .write(
                entry.pointee.descriptor, metadata.memory(entry.pointee.metadata),
                count: BlockLayout.headerBytes,
                offset: BlockLayout.headerOffset(sequence: entry.pointee.headerSequence),
                registered: true))
    }

    private mutating func syncFile(_ stream: Int32) {
        let entry = streams.at(stream)
        entry.pointee.seal.local = .syncingFile
        start(.syncFile, stream: stream, .sync(entry.pointee.descriptor, dataOnly: true))
    }

    private mutating func syncDirectory(_ stream: Int32) {
        let entry = streams.at(stream)
        entry.pointee.seal.local = .syncingDirectory
        start(
            .syncDirectory, stream: stream,
            .sync(devices[entry.pointee.device].blocks, dataOnly: false))
    }

    /// One of the seal's operations completed.
    mutating func sealStep(_ stream: Int32, _ kind: OperationKind, _ outcome: Outcome) {
        let entry = streams.at(stream)
        guard settle(stream: stream) else { return endIfSettled(stream) }
        guard case .done(let count) = outcome else {
            // A failed sync is final (`systems.md` 5.30): nothing it covered is acked.
            switch (outcome, kind) {
            case (.again, .writeTable), (.again, .writeSealHeader): return writeSeal(stream)
            case (.full, _): return deviceRefused(stream, .noSpace, outcome)
            default: return deviceRefused(stream, .deviceFailed, outcome)
            }
        }
        switch kind {
        case .writeTable:
            let chunks = BlockLayout.chunks(length: entry.pointee.hwm)
            if Int(count) < (chunks * 4 + 4095) / 4096 * 4096 { return writeTable(stream, chunks) }
            writeSealHeader(stream)
        case .writeSealHeader:
            if Int(count) < BlockLayout.headerBytes { return writeSealHeader(stream) }
            releaseMetadata(entry.pointee.metadata)
            entry.pointee.metadata = -1
            sealReached(stream, .written)
        case .syncFile: syncDirectory(stream)
        default: sealReached(stream, .durable)
        }
    }

    private mutating func sealReached(_ stream: Int32, _ level: Level) {
        let entry = streams.at(stream)
        if entry.pointee.seal.reached == nil {
            counters.blocksSealed &+= 1
            devices[entry.pointee.device].usedBytes += entry.pointee.hwm
            record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.hwm,
                    checksum: entry.pointee.seal.checksum, state: .sealed,
                    device: entry.pointee.device))
        }
        entry.pointee.seal.reached = level
        entry.pointee.seal.local = .done
        if level < entry.pointee.seal.level, entry.pointee.seal.isWanted { return syncFile(stream) }
        advanced(stream)
        if entry.pointee.upstream < 0 { endStream(stream) }
    }
}
