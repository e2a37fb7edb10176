import Reactor
import Wire

// A writer that missed the answer to its seal comes back to a block that is sealed: its checksums are read from the file,
// so that what it sends again can be compared.
extension Datanode where Ring: ~Copyable {
    mutating func loadHeader(_ stream: Int32) {
        let entry = streams.at(stream)
        start(
            .loadHeader, stream: stream,
            .read(
                entry.pointee.descriptor, metadata.memory(entry.pointee.metadata),
                count: 2 * BlockLayout.headerBytes, offset: 0, registered: true))
    }

    mutating func loaded(_ stream: Int32, _ kind: OperationKind, _ event: Event) {
        let entry = streams.at(stream)
        guard settle(stream: stream) else { return endIfSettled(stream) }
        let memory = metadata.memory(entry.pointee.metadata)
        guard case .done(let count) = event.outcome else {
            return deviceRefused(stream, .deviceFailed, event.outcome)
        }
        if kind == .loadTable {
            return tableLoaded(stream, memory, Int(count), expected: UInt32(event.operation.argument))
        }
        guard Int(count) == 2 * BlockLayout.headerBytes, let (header, page) = newest(of: memory),
            header.block == entry.pointee.block, header.state == .sealed,
            header.epoch == entry.pointee.epoch, header.length == entry.pointee.seal.length,
            header.checksum == entry.pointee.seal.checksum
        else { return loadFailed(stream) }
        entry.pointee.headerSequence = header.sequence
        if header.tableCount == 0 {
            let source = memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset
            for chunk in 0..<Int(header.inlineCount) {
                entry.pointee.table[chunk] = source.loadLittle(at: chunk * 4)
            }
            loadComplete(stream)
        } else {
            entry.pointee.pending += 1
            reactor.start(
                .read(
                    entry.pointee.descriptor, memory,
                    count: BlockLayout.tableBytes(maxLength: header.length),
                    offset: BlockLayout.tableOffset(length: header.length), registered: true),
                OperationContext(
                    kind: OperationKind.loadTable.rawValue, owner: UInt32(stream),
                    argument: UInt64(header.tableChecksum)))
        }
    }

    func newest(of pages: UnsafeMutableRawPointer) -> (BlockHeader, page: Int)? {
        do {
            return try BlockHeader.newest(of: pages)
        } catch {
            return nil
        }
    }

    private mutating func tableLoaded(
        _ stream: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, expected: UInt32
    ) {
        let entry = streams.at(stream)
        let chunks = BlockLayout.chunks(length: entry.pointee.hwm)
        guard count >= chunks * 4, CRC32C.of(memory, count: chunks * 4) == expected else {
            return loadFailed(stream)
        }
        for chunk in 0..<chunks { entry.pointee.table[chunk] = memory.loadLittle(at: chunk * 4) }
        loadComplete(stream)
    }

    private mutating func loadComplete(_ stream: Int32) {
        let entry = streams.at(stream)
        releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        entry.pointee.file = .open
        entry.pointee.isHeaderWritten = true
        entry.pointee.join.isFileReady = true
        advanced(stream)
        trySeal(stream)
        if entry.pointee.upstream >= 0 { resume(entry.pointee.upstream) }
    }

    private mutating func loadFailed(_ stream: Int32) {
        let upstream = streams.at(stream).pointee.upstream
        if upstream >= 0 { fail(upstream, .corrupt) }
        endStream(stream)
    }
}

extension UnsafeMutableRawPointer {
    func loadLittle(at offset: Int) -> UInt32 { UnsafeRawPointer(self).loadLittle(UInt32.self, at: offset) }
}
