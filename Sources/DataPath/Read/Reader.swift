import CURing
import Glibc
import Reactor
import Wire

// The read path: admit (1), find the block's checksums (2), read ahead from the device (3), send in
// order (4) from the buffer the device filled. The stored checksums travel; the reader is the one
// who compares.
extension Datanode where Ring: ~Copyable {
    /// 1. A `read` frame with its credentials.
    mutating func admitRead(_ index: Int32, _ header: FrameHeader) {
        let judged = judge(index, header, mode: .read)
        switch judged {
        case .failure(let refused):
            core.connections.at(index).pointee.beginStream(header, key: nil)
            fail(index, refused.status)
        case .success(let admitted):
            core.connections.at(index).pointee.beginStream(header, key: admitted.key)
            guard !core.isDraining else { return fail(index, .shuttingDown) }
            guard !core.settings.isDeviceNull else {
                return fail(index, .deviceFailed, "this bench node keeps no bytes (--null-device)")
            }
            switch find(header, admitted.token.incarnation) {
            case .failure(let refused): fail(index, refused.status)
            case .success(let record): beginRead(index, header, record)
            }
        }
    }

    private func find(
        _ header: FrameHeader, _ incarnation: NamespaceIncarnation
    ) -> Result<BlockRecord, TokenCheck.Refused> {
        func refuse(_ status: Status) -> Result<BlockRecord, TokenCheck.Refused> {
            .failure(TokenCheck.Refused(status: status))
        }
        guard let record = core.blocks[header.block], !core.blocks.isDying(header.block) else {
            return refuse(.notFound)
        }
        // The same number, given by another copy of the namespace.
        guard record.incarnation == incarnation || record.epoch == Epoch(0) else {
            return refuse(.notFound)
        }
        guard header.epoch >= record.epoch else { return refuse(.tokenStaleEpoch) }
        // An older copy than the one that is asked for, or a file of which the name alone is known.
        guard header.epoch == record.epoch else { return refuse(.mayBeLost) }
        switch record.state {
        case .open: return refuse(.notSealed)
        case .mayBeLost:
            // The rest may have been there too, so beyond what is known it is not `badRange`.
            guard header.length > 0, header.offset + header.length <= record.length else {
                return refuse(.mayBeLost)
            }
        case .lost: return refuse(.deviceFailed)
        case .gone: return refuse(.notFound)
        case .corrupt: return refuse(.corrupt)
        case .sealed: break
        }
        guard !core.blocks.devices[record.device].isFailed else { return refuse(.deviceFailed) }
        guard header.length > 0, header.offset + header.length <= record.length else {
            return refuse(.badRange)
        }
        return .success(record)
    }

    private mutating func beginRead(
        _ index: Int32, _ header: FrameHeader, _ record: BlockRecord
    ) {
        var stream = ReadStream(
            block: header.block, epoch: header.epoch, device: record.device, connection: index,
            offset: header.offset, length: header.length)
        stream.plan(blockLength: record.length)
        guard let reader = readers.insert(stream) else { return fail(index, .busy) }
        core.connections.places.begin(index)
        watchReadTurns()
        core.connections.at(index).pointee.reader = reader
        core.connections.at(index).pointee.receiving = .paused
        openForRead(reader)
    }

    private mutating func openForRead(_ reader: Int32) {
        let device = core.blocks.devices[readers.at(reader).pointee.device]
        let name = Device.name(of: readers.at(reader).pointee.block)
        let flags = O_RDONLY | (device.isDirect ? CURING_O_DIRECT : 0)
        readers.at(reader).pointee.pending += 1
        let context = OperationContext(
            kind: OperationKind.openForRead.rawValue, owner: UInt32(reader))
        core.reactor.start(context) { memory in
            .open(at: device.blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0)
        }
    }

    mutating func openedForRead(_ reader: Int32, _ outcome: Outcome) {
        let entry = readers.at(reader)
        if case .done(let number) = outcome { entry.pointee.descriptor = .fixed(number) }
        guard settle(reader: reader) else { return }
        switch outcome {
        case .done: loadMetadata(reader)
        case .failed(ENOENT): failMissing(reader)
        case .failed(EMFILE), .failed(ENFILE): failRead(reader, .busy)
        case .again: openForRead(reader)
        case .cancelled, .disconnected, .full, .failed: failUnreadable(reader, outcome)
        }
    }

    /// 2. Reads both header copies, and the table when the block has one.
    mutating func loadMetadata(_ reader: Int32) {
        let entry = readers.at(reader)
        guard !entry.pointee.isEnding, !entry.pointee.isLoaded, entry.pointee.metadata < 0,
            !entry.pointee.descriptor.isNone
        else { return }
        guard let buffer = core.buffers.takeMetadata() else {
            core.buffers.enqueueForMetadata(.reader(reader))
            return
        }
        entry.pointee.metadata = buffer
        entry.pointee.metadataTransfer = .headers
        readMore(reader, .readHeader)
    }

    private mutating func readMore(_ reader: Int32, _ kind: OperationKind) {
        let entry = readers.at(reader)
        start(
            kind, reader: reader,
            entry.pointee.metadataTransfer.read(
                entry.pointee.descriptor, into: core.buffers.metadata(entry.pointee.metadata)))
    }

    mutating func readMetadata(_ reader: Int32, _ kind: OperationKind, _ event: Event) {
        let entry = readers.at(reader)
        guard settle(reader: reader) else { return }
        switch entry.pointee.metadataTransfer.take(event.outcome) {
        case .more: readMore(reader, kind)
        case .short: failCorrupt(reader, .tooShort)
        case .failed: failUnreadable(reader, event.outcome)
        case .whole:
            let memory = core.buffers.metadata(entry.pointee.metadata)
            if kind == .readTable { tableRead(reader, memory) } else { headerRead(reader, memory) }
        }
    }

    private mutating func headerRead(_ reader: Int32, _ memory: UnsafeMutableRawPointer) {
        let entry = readers.at(reader)
        let block = entry.pointee.block
        // Deleted since: nobody can say what the file ought to be.
        guard let record = core.blocks[block], record.epoch == entry.pointee.epoch else {
            return failRead(reader, .notFound)
        }
        let header: BlockHeader
        let page: Int
        switch record.state {
        case .sealed:
            do throws(ScrubFinding) {
                (header, page) = try ScrubCheck.header(
                    of: memory, block, record, core.identity.cluster)
            } catch {
                return failCorrupt(reader, error)
            }
        // What it was when the read was admitted, it may not be any more.
        case .corrupt: return failRead(reader, .corrupt)
        case .lost: return failRead(reader, .deviceFailed)
        case .open, .gone: return failRead(reader, .notFound)
        case .mayBeLost:
            guard
                let found = BlockHeader.describing(entry.pointee.blockLength, of: block, memory),
                found.header.epoch == record.epoch, found.header.cluster == core.identity.cluster
            else { return failRead(reader, .corrupt) }
            (header, page) = found
        }
        guard header.tableCount > 0 else {
            return planRead(
                reader, memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset)
        }
        entry.pointee.header = header
        entry.pointee.metadataTransfer = .table(of: header)
        readMore(reader, .readTable)
    }

    private mutating func tableRead(_ reader: Int32, _ memory: UnsafeMutableRawPointer) {
        let entry = readers.at(reader)
        guard let header = entry.pointee.header,
            CRC32C.of(memory, count: Int(header.tableCount) * 4) == header.tableChecksum
        else { return failCorrupt(reader, ScrubFinding("its checksum table")) }
        planRead(reader, memory)
    }

    /// Keeps the checksums of the range and begins to read.
    private mutating func planRead(_ reader: Int32, _ checksums: UnsafeMutableRawPointer) {
        let entry = readers.at(reader)
        let first = entry.pointee.firstChunk
        let count = BlockLayout.chunks(length: entry.pointee.end) - first
        entry.pointee.checksums = (0..<count).map { checksums.loadLittle(at: (first + $0) * 4) }
        core.buffers.releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        entry.pointee.isLoaded = true
        readAhead(reader)
    }

    /// 3. Keeps the device ahead of the socket, up to the window.
    mutating func readAhead(_ reader: Int32) {
        let entry = readers.at(reader)
        guard entry.pointee.isLoaded, !entry.pointee.isEnding else { return }
        // What is cut goes on when the socket has taken the piece of it.
        guard entry.pointee.pieceSent == entry.pointee.pieceBytes else { return }
        while entry.pointee.next < entry.pointee.end,
            entry.pointee.count < core.settings.budget.framesPerRead
        {
            // Who has one leaves the next to those who have none.
            guard entry.pointee.count == 0 || readers.starved == 0 else { return }
            let left = min(
                core.buffers.freePayloads,
                core.settings.budget.readBuffers - core.buffers.heldByReads)
            guard left > 0, Budget.mayTake(held: entry.pointee.count, free: left),
                let buffer = core.buffers.takePayload(
                    for: FrameSlot(header: nextFrame(reader), isRead: true))
            else {
                if core.buffers.enqueue(.reader(reader)) {
                    core.counters.bufferWaits &+= 1
                }
                if entry.pointee.count == 0 {
                    readers.starve(reader)
                    watchReadTurns()
                }
                return
            }
            readers.hasBuffer(reader)
            core.buffers[buffer].transfer = core.buffers[buffer].pagesToRead
            if entry.pointee.count == 0, entry.pointee.cut != nil { entry.pointee.isEncoded = true }
            entry.pointee.append(buffer)
            entry.pointee.next = core.buffers[buffer].header.end
            readData(reader, buffer)
        }
    }

    /// The frame that the next buffer is for: one that was cut goes on with the header it had.
    private mutating func nextFrame(_ reader: Int32) -> FrameHeader {
        let entry = readers.at(reader)
        if let cut = entry.pointee.cut, cut.offset == entry.pointee.next { return cut }
        var header = FrameHeader(.data)
        header.block = entry.pointee.block
        header.epoch = entry.pointee.epoch
        header.offset = entry.pointee.next
        let length = entry.pointee.nextLength(packetBytes: core.settings.budget.readPacketBytes)
        header.payloadLength = UInt32(length)
        return header
    }

    private mutating func readData(_ reader: Int32, _ buffer: Int32) {
        start(
            .readData, reader: reader, buffer: buffer,
            core.buffers[buffer].transfer.read(
                readers.at(reader).pointee.descriptor, into: core.buffers.page(of: buffer)))
    }

    mutating func readDevice(_ reader: Int32, _ event: Event) {
        let buffer = event.operation.buffer
        let entry = readers.at(reader)
        let isDropped = core.buffers[buffer].isDropped
        if entry.pointee.isEnding || isDropped { releasePayload(buffer) }
        guard settle(reader: reader), !isDropped else { return }
        let step = core.buffers[buffer].transfer.take(event.outcome)
        // The kernel has let go of the buffer: it is sent, or goes back with those that were ready.
        core.buffers[buffer].isReady = step != .more
        switch step {
        case .more: readData(reader, buffer)
        case .whole:
            core.counters.bytesRead &+= UInt64(core.buffers[buffer].header.payloadLength)
            sendRead(reader)
        case .short: failCorrupt(reader, .tooShort)
        case .failed: failUnreadable(reader, event.outcome)
        }
    }
}
