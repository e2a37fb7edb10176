import CURing
import Glibc
import Reactor
import Wire

// What a stream's file does: `BlockFile` says what is next, here it is started, and what follows
// from what became of it is handed back.
extension WritePath where Ring: ~Copyable {
    /// Starts what a file is to do next, or says what follows from what it did.
    mutating func perform(
        _ action: BlockFile.Action, _ stream: StreamIndex, _ core: inout Core<Ring>
    ) -> Next {
        let entry = at(stream)
        let file = entry.pointee.file.descriptor
        switch action {
        case .rename(let spare): rename(spare, stream, &core)
        case .open(let isNew): open(stream, isNew: isNew, &core)
        case .read, .write: move(stream, &core)
        case .sync:
            entry.pointee.pending += 1
            syncs.request(file, of: stream, on: entry.pointee.device, &core)
        case .syncName:
            entry.pointee.pending += 1
            syncs.requestDirectory(of: stream, on: entry.pointee.device, &core)
        case .punch(let offset, let count):
            let mode = Int32(FALLOC_FL_PUNCH_HOLE) | Int32(FALLOC_FL_KEEP_SIZE)
            start(
                .trimFile, stream, .allocate(file, mode: mode, offset: offset, count: count), &core)
        case .close(let descriptor): start(.closeFile, stream, .close(descriptor), &core)
        case .opened: return .proceed
        case .loadedHeaders: return loadedHeaders(stream, &core)
        case .loadedTable: return loadedTable(stream, &core)
        case .described: return described(stream, &core)
        case .durable: return entry.pointee.file.account == .flush ? .flushed : .sealed(.durable)
        case .closed: return .ending
        case .refused(let status, let unused):
            if let unused { _ = core.blocks.addSpare(unused, to: entry.pointee.device) }
            return .givenUp(status)
        case .failed(let outcome): return .failed(outcome)
        case .tooShort: return .corrupt(.tooShort)
        }
        return .nothing
    }

    // MARK: Opening

    private mutating func open(_ stream: StreamIndex, isNew: Bool, _ core: inout Core<Ring>) {
        let entry = at(stream)
        let device = core.blocks.devices[entry.pointee.device]
        var flags = O_RDWR | (device.isDirect ? CURING_O_DIRECT : 0)
        if isNew { flags |= O_CREAT | O_EXCL }
        let name = Device.name(of: entry.pointee.block)
        entry.pointee.pending += 1
        let context = OperationContext(kind: OperationKind.openFile.rawValue, owner: UInt32(stream))
        core.reactor.start(context) { memory in
            .open(at: device.blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0o600)
        }
    }

    private mutating func rename(
        _ spare: RecycledFiles.File, _ stream: StreamIndex, _ core: inout Core<Ring>
    ) {
        let entry = at(stream)
        let directory = core.blocks.devices[entry.pointee.device].blocks
        let name = Device.name(of: entry.pointee.block)
        entry.pointee.pending += 1
        let context = OperationContext(
            kind: OperationKind.renameSpare.rawValue, owner: UInt32(stream))
        core.reactor.start(context) { memory in
            .rename(
                at: directory, from: memory.storePath(spare.name, at: 0),
                to: memory.storePath(name, at: 64), replacing: false)
        }
    }

    mutating func renamed(
        _ stream: StreamIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Next {
        let action = at(stream).pointee.file.renamed(outcome)
        return endOperation(of: stream) ? perform(action, stream, &core) : .ending
    }

    mutating func opened(
        _ stream: StreamIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Next {
        let action = at(stream).pointee.file.opened(outcome)
        return endOperation(of: stream) ? perform(action, stream, &core) : .ending
    }

    /// It is closed, or what is behind it was given back. A file system without holes keeps the
    /// room: the block is whole all the same.
    mutating func closed(_ stream: StreamIndex) -> Next {
        _ = endOperation(of: stream)
        return .ending
    }

    // MARK: Header and table

    /// With a metadata buffer, one of these: load a sealed block's checksums, write the opening
    /// header, describe a flush, describe the seal.
    mutating func describe(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream), entry.pointee.file.wantsBuffer else { return }
        guard let buffer = core.buffers.takeMetadata() else {
            return core.buffers.enqueueForMetadata(.stream(stream))
        }
        guard entry.pointee.file.isOpen else {
            _ = perform(entry.pointee.file.load(into: buffer), stream, &core)
            return
        }
        let memory = core.buffers.metadata(buffer)
        let device = core.blocks.devices[entry.pointee.device].id
        let chunks = entry.pointee.describe(
            into: memory, cluster: core.identity.cluster, device: device)
        let action = entry.pointee.file.write(
            from: buffer, chunks: chunks, length: entry.pointee.hwm,
            maxLength: entry.pointee.maxLength)
        _ = perform(action, stream, &core)
    }

    /// Moves what is still missing of header pages or table.
    private mutating func move(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        let file = at(stream).pointee.file
        let memory = metadata(of: stream, &core)
        if file.state == .loading {
            start(file.kind, stream, file.transfer.read(file.descriptor, into: memory), &core)
        } else {
            let source = file.isTable ? memory + BlockLayout.headerBytes : memory
            start(file.kind, stream, file.transfer.write(file.descriptor, from: source), &core)
        }
    }

    mutating func moved(
        _ stream: StreamIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Next {
        guard endOperation(of: stream) else { return .ending }
        return perform(at(stream).pointee.file.moved(outcome), stream, &core)
    }

    private mutating func metadata(
        of stream: StreamIndex, _ core: inout Core<Ring>
    ) -> UnsafeMutableRawPointer {
        guard let buffer = at(stream).pointee.file.buffer else {
            preconditionFailure("header and table move through a buffer")
        }
        return core.buffers.metadata(buffer)
    }

    /// Header and table are on the device.
    private mutating func described(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Next {
        let entry = at(stream)
        giveBackMetadata(stream, &core)
        switch entry.pointee.file.account {
        case .opening:
            entry.pointee.join.isFileReady = true
            return .proceed
        case .flush: return perform(entry.pointee.file.sync(), stream, &core)
        case .seal: return .sealed(.written)
        }
    }

    mutating func giveBackMetadata(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        if let buffer = at(stream).pointee.file.takeBuffer() {
            core.buffers.releaseMetadata(buffer)
        }
    }

    // MARK: Loading

    // A writer that missed the answer to its seal comes back to a block that is sealed: its
    // checksums are read from the file, so that what it sends again can be compared.

    private mutating func loadedHeaders(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Next {
        let entry = at(stream)
        let memory = metadata(of: stream, &core)
        guard
            case .success(let (header, page)) = BlockHeader.newest(
                of: memory, block: entry.pointee.block),
            header.block == entry.pointee.block, header.state == .sealed,
            header.epoch == entry.pointee.epoch, header.length == entry.pointee.seal.length,
            header.checksum == entry.pointee.seal.checksum
        else { return .corrupt(ScrubFinding("its header")) }
        // Another writer's block: a number that was given twice must not join two values.
        guard header.lease == entry.pointee.lease else { return .givenUp(.sealed) }
        if let action = entry.pointee.file.found(header) { return perform(action, stream, &core) }
        return loaded(
            stream, memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset,
            count: Int(header.inlineCount), &core)
    }

    private mutating func loadedTable(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Next {
        let entry = at(stream)
        let memory = metadata(of: stream, &core)
        let chunks = BlockLayout.chunks(length: entry.pointee.hwm)
        guard CRC32C.of(memory, count: chunks * 4) == entry.pointee.file.tableChecksum else {
            return .corrupt(ScrubFinding("its checksum table"))
        }
        return loaded(stream, memory, count: chunks, &core)
    }

    private mutating func loaded(
        _ stream: StreamIndex, _ checksums: UnsafeMutableRawPointer, count: Int,
        _ core: inout Core<Ring>
    ) -> Next {
        let entry = at(stream)
        for chunk in 0..<count { entry.pointee.table[chunk] = checksums.loadLittle(at: chunk * 4) }
        giveBackMetadata(stream, &core)
        entry.pointee.file.loaded()
        entry.pointee.join.isFileReady = true
        return .resume
    }

    // MARK: Syncs

    // For flushes and seals alike. A sync that failed is final (ATC '20, "Can Applications Recover
    // from fsync Failures?"): the device is out of service, and nothing that the sync covered is
    // acked.

    mutating func synced(
        _ stream: StreamIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Next {
        let isLive = endOperation(of: stream)
        guard case .done = outcome else {
            return isLive
                ? .syncFailed(outcome)
                : .deviceLost(device: at(stream).pointee.device, outcome)
        }
        return isLive ? perform(at(stream).pointee.file.synced(), stream, &core) : .ending
    }

    /// Its sync was never begun, which says nothing of the device: the stream ended while it
    /// waited, or the device has failed before.
    mutating func gaveUpSync(_ stream: StreamIndex) -> Next {
        endOperation(of: stream) ? .syncFailed(.failed(EIO)) : .ending
    }

    /// A file's sync ended, and the next one of its device begins.
    /// - Returns: a stream whose sync was given up: it ended, or its device, while it waited.
    mutating func nextSync(on device: Int, _ core: inout Core<Ring>) -> StreamIndex? {
        guard let next = syncs.fileFinished(on: device) else { return nil }
        guard !core.blocks.devices[device].isFailed, !at(next).pointee.isEnding else { return next }
        syncs.start(at(next).pointee.file.descriptor, of: next, &core)
        return nil
    }
}

extension UnsafeMutableRawPointer {
    func loadLittle(at offset: Int) -> UInt32 {
        UnsafeRawPointer(self).loadLittle(UInt32.self, at: offset)
    }

    /// Stores a path as the kernel reads it, in an operation's scratch memory.
    func storePath(_ path: String, at offset: Int) -> UnsafePointer<CChar> {
        let bytes = Array(path.utf8) + [0]
        precondition(
            offset + bytes.count <= OperationSlab.scratchBytes, "a path fits its scratch memory")
        let target = self + offset
        bytes.withUnsafeBytes {
            target.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: bytes.count)
        }
        return UnsafePointer(target.assumingMemoryBound(to: CChar.self))
    }
}
