import Reactor
import Wire

// A writer that missed the answer to its seal comes back to a block that is sealed: its checksums
// are read from the file, so that what it sends again can be compared.
extension Datanode where Ring: ~Copyable {
    mutating func loadHeader(_ stream: Int32) {
        streams.at(stream).pointee.metadataTransfer = .headers
        load(stream, .loadHeader)
    }

    /// Reads what is still missing of the header pages or the table.
    private mutating func load(_ stream: Int32, _ kind: OperationKind) {
        let entry = streams.at(stream)
        start(
            kind, stream: stream,
            entry.pointee.metadataTransfer.read(
                entry.pointee.descriptor, into: core.buffers.metadata(entry.pointee.metadata)))
    }

    mutating func loaded(_ stream: Int32, _ kind: OperationKind, _ event: Event) {
        let entry = streams.at(stream)
        guard settle(stream: stream) else { return endIfSettled(stream) }
        switch entry.pointee.metadataTransfer.take(event.outcome) {
        case .more: load(stream, kind)
        case .short: failCorrupt(stream: stream, .tooShort)
        case .failed: deviceRefused(stream, event.outcome)
        case .whole:
            let memory = core.buffers.metadata(entry.pointee.metadata)
            if kind == .loadTable {
                tableLoaded(stream, memory)
            } else {
                headerLoaded(stream, memory)
            }
        }
    }

    private mutating func headerLoaded(_ stream: Int32, _ memory: UnsafeMutableRawPointer) {
        let entry = streams.at(stream)
        guard
            case .success(let (header, page)) = BlockHeader.newest(
                of: memory, block: entry.pointee.block),
            header.block == entry.pointee.block, header.state == .sealed,
            header.epoch == entry.pointee.epoch, header.length == entry.pointee.seal.length,
            header.checksum == entry.pointee.seal.checksum
        else { return failCorrupt(stream: stream, ScrubFinding("its header")) }
        // Another writer's block: a number that was given twice must not join two values.
        guard header.lease == entry.pointee.lease else { return foundForeign(stream) }
        entry.pointee.headerSequence = header.sequence
        entry.pointee.tableChecksum = header.tableChecksum
        guard header.tableCount == 0 else {
            entry.pointee.metadataTransfer = .table(of: header)
            return load(stream, .loadTable)
        }
        let source = memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset
        for chunk in 0..<Int(header.inlineCount) {
            entry.pointee.table[chunk] = source.loadLittle(at: chunk * 4)
        }
        loadComplete(stream)
    }

    private mutating func tableLoaded(_ stream: Int32, _ memory: UnsafeMutableRawPointer) {
        let entry = streams.at(stream)
        let chunks = BlockLayout.chunks(length: entry.pointee.hwm)
        guard CRC32C.of(memory, count: chunks * 4) == entry.pointee.tableChecksum else {
            return failCorrupt(stream: stream, ScrubFinding("its checksum table"))
        }
        for chunk in 0..<chunks { entry.pointee.table[chunk] = memory.loadLittle(at: chunk * 4) }
        loadComplete(stream)
    }

    private mutating func loadComplete(_ stream: Int32) {
        let entry = streams.at(stream)
        core.buffers.releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        entry.pointee.file = .open
        entry.pointee.isHeaderWritten = true
        entry.pointee.join.isFileReady = true
        proceed(stream)
        guard let entry = live(stream), entry.pointee.upstream >= 0 else { return }
        resume(entry.pointee.upstream)
    }

    private mutating func foundForeign(_ stream: Int32) {
        let upstream = streams.at(stream).pointee.upstream
        if upstream >= 0 { fail(upstream, .sealed) }
        endStream(stream)
    }
}

extension UnsafeMutableRawPointer {
    func loadLittle(at offset: Int) -> UInt32 {
        UnsafeRawPointer(self).loadLittle(UInt32.self, at: offset)
    }
}
