import CURing
import Glibc
import Reactor
import Wire

// The read path's second and third step: what the block's file says of itself, and its bytes.
extension ReadPath where Ring: ~Copyable {
    mutating func open(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        let device = core.blocks.devices[entry.pointee.device]
        let name = Device.name(of: entry.pointee.block)
        let flags = O_RDONLY | (device.isDirect ? CURING_O_DIRECT : 0)
        entry.pointee.pending += 1
        let context = OperationContext(
            kind: OperationKind.openForRead.rawValue, owner: reader.owner)
        core.reactor.start(context) { memory in
            .open(at: device.blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0)
        }
    }

    mutating func opened(
        _ reader: ReaderIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Wish? {
        let entry = readers.at(reader)
        if case .done(let number) = outcome { entry.pointee.descriptor = .fixed(number) }
        guard endOperation(of: reader, &core) else { return nil }
        switch outcome {
        case .done: loadMetadata(reader, &core)
        case .failed(ENOENT): return failMissing(reader, &core)
        case .failed(EMFILE), .failed(ENFILE): return fail(reader, .busy, &core)
        case .again: open(reader, &core)
        case .cancelled, .disconnected, .full, .failed:
            return failUnreadable(reader, outcome, &core)
        }
        return nil
    }

    // MARK: 2. Checksums

    /// Reads both header copies, and the table when the block has one.
    mutating func loadMetadata(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        guard !entry.pointee.isEnding, !entry.pointee.isLoaded, entry.pointee.metadata == nil,
            !entry.pointee.descriptor.isNone
        else { return }
        guard let buffer = core.buffers.takeMetadata() else {
            return core.buffers.enqueueForMetadata(.reader(reader))
        }
        entry.pointee.metadata = buffer
        entry.pointee.metadataTransfer = .headers
        readMetadata(reader, .readHeader, &core)
    }

    private mutating func readMetadata(
        _ reader: ReaderIndex, _ kind: OperationKind, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        let memory = metadata(of: reader, &core)
        start(
            kind, reader,
            entry.pointee.metadataTransfer.read(entry.pointee.descriptor, into: memory), &core)
    }

    private mutating func metadata(
        of reader: ReaderIndex, _ core: inout Core<Ring>
    ) -> UnsafeMutableRawPointer {
        guard let buffer = readers.at(reader).pointee.metadata else {
            preconditionFailure("header and table are read into a buffer")
        }
        return core.buffers.metadata(buffer)
    }

    mutating func giveBackMetadata(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        if let buffer = entry.pointee.metadata { core.buffers.releaseMetadata(buffer) }
        entry.pointee.metadata = nil
    }

    mutating func didReadMetadata(
        _ reader: ReaderIndex, _ kind: OperationKind, _ event: Event, _ core: inout Core<Ring>
    ) -> Wish? {
        let entry = readers.at(reader)
        guard endOperation(of: reader, &core) else { return nil }
        switch entry.pointee.metadataTransfer.take(event.outcome) {
        case .more: readMetadata(reader, kind, &core)
        case .short: return failCorrupt(reader, .tooShort, &core)
        case .failed: return failUnreadable(reader, event.outcome, &core)
        case .whole:
            let memory = metadata(of: reader, &core)
            return kind == .readTable
                ? tableRead(reader, memory, &core) : headerRead(reader, memory, &core)
        }
        return nil
    }

    private mutating func headerRead(
        _ reader: ReaderIndex, _ memory: UnsafeMutableRawPointer, _ core: inout Core<Ring>
    ) -> Wish? {
        let entry = readers.at(reader)
        let block = entry.pointee.block
        // Deleted since: nobody can say what the file ought to be.
        guard let record = core.blocks[block], record.epoch == entry.pointee.epoch else {
            return fail(reader, .notFound, &core)
        }
        let header: BlockHeader
        let page: Int
        switch record.state {
        case .sealed:
            do throws(ScrubFinding) {
                (header, page) = try ScrubCheck.header(
                    of: memory, block, record, core.identity.cluster)
            } catch {
                return failCorrupt(reader, error, &core)
            }
        // What it was when the read was admitted, it may not be any more.
        case .corrupt: return fail(reader, .corrupt, &core)
        case .lost: return fail(reader, .deviceFailed, &core)
        case .open, .gone: return fail(reader, .notFound, &core)
        case .mayBeLost:
            guard
                let found = BlockHeader.describing(entry.pointee.blockLength, of: block, memory),
                found.header.epoch == record.epoch,
                found.header.cluster == core.identity.cluster
            else { return fail(reader, .corrupt, &core) }
            (header, page) = found
        }
        guard header.tableCount > 0 else {
            plan(
                reader, memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset,
                &core)
            return nil
        }
        entry.pointee.header = header
        entry.pointee.metadataTransfer = .table(of: header)
        readMetadata(reader, .readTable, &core)
        return nil
    }

    private mutating func tableRead(
        _ reader: ReaderIndex, _ memory: UnsafeMutableRawPointer, _ core: inout Core<Ring>
    ) -> Wish? {
        guard let header = readers.at(reader).pointee.header,
            CRC32C.of(memory, count: Int(header.tableCount) * 4) == header.tableChecksum
        else { return failCorrupt(reader, ScrubFinding("its checksum table"), &core) }
        plan(reader, memory, &core)
        return nil
    }

    /// Keeps the checksums of the range and begins to read.
    private mutating func plan(
        _ reader: ReaderIndex, _ checksums: UnsafeMutableRawPointer, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        entry.pointee.keep(checksums)
        giveBackMetadata(reader, &core)
        readAhead(reader, &core)
    }

    // MARK: 3. Bytes

    /// Keeps the device ahead of the socket, up to the window.
    mutating func readAhead(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
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
                    for: FrameSlot(
                        header: entry.pointee.nextFrame(
                            packetBytes: core.settings.budget.readPacketBytes),
                        isRead: true))
            else { return enqueueForBuffer(reader, &core) }
            readers.endStarving(reader)
            core.buffers[buffer].transfer = core.buffers[buffer].pagesToRead
            if entry.pointee.count == 0, entry.pointee.cut != nil { entry.pointee.isEncoded = true }
            entry.pointee.append(buffer)
            entry.pointee.next = core.buffers[buffer].header.end
            readData(reader, buffer, &core)
        }
    }

    private mutating func enqueueForBuffer(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        if core.buffers.enqueue(.reader(reader)) { core.counters.bufferWaits &+= 1 }
        guard readers.at(reader).pointee.count == 0 else { return }
        readers.starve(reader)
        watchTurns(&core)
    }

    private mutating func readData(
        _ reader: ReaderIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let memory = core.buffers.page(of: buffer)
        start(
            .readData, reader, buffer: buffer,
            core.buffers[buffer].transfer.read(
                readers.at(reader).pointee.descriptor, into: memory), &core)
    }

    mutating func didReadData(
        _ reader: ReaderIndex, _ event: Event, _ core: inout Core<Ring>
    ) -> Wish? {
        let buffer = event.operation.requiredBuffer
        let isDropped = core.buffers[buffer].isDropped
        if readers.at(reader).pointee.isEnding || isDropped { core.buffers.giveBack(buffer) }
        guard endOperation(of: reader, &core), !isDropped else { return nil }
        let step = core.buffers[buffer].transfer.take(event.outcome)
        // The kernel has let go of the buffer: it is sent, or goes back with those that were ready.
        core.buffers[buffer].isReady = step != .more
        switch step {
        case .more: readData(reader, buffer, &core)
        case .whole:
            core.counters.bytesRead &+= UInt64(core.buffers[buffer].header.payloadLength)
            send(reader, &core)
        case .short: return failCorrupt(reader, .tooShort, &core)
        case .failed: return failUnreadable(reader, event.outcome, &core)
        }
        return nil
    }
}
