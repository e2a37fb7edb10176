import CURing
import Glibc
import Reactor
import Wire

// What a stream's file does: `BlockFile` says what is next, here it is started, and what follows
// from what became of it is handed back.
extension BlockFiles where Ring: ~Copyable {
    /// Starts what a file is to do next, or says what follows from what it did.
    mutating func perform(
        _ action: BlockFile.Action, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        let file = stream.file.descriptor
        switch action {
        case .rename(let spare): rename(spare, index, &stream, &core)
        case .open(let isNew): open(index, &stream, isNew: isNew, &core)
        case .read, .write: move(index, &stream, &core)
        case .sync:
            stream.pending += 1
            syncs.request(file, of: index, on: stream.device, &core)
        case .syncName:
            stream.pending += 1
            syncs.requestDirectory(of: index, on: stream.device, &core)
        case .punch(let offset, let count):
            let mode = Int32(FALLOC_FL_PUNCH_HOLE) | Int32(FALLOC_FL_KEEP_SIZE)
            start(
                .trimFile, index, &stream,
                .allocate(file, mode: mode, offset: offset, count: count), &core)
        case .close(let descriptor): start(.closeFile, index, &stream, .close(descriptor), &core)
        case .opened: return .proceed
        case .loadedHeaders: return loadedHeaders(index, &stream, &core)
        case .loadedTable: return loadedTable(index, &stream, &core)
        case .described: return described(index, &stream, &core)
        case .durable: return stream.file.account == .flush ? .flushed : .sealed(.durable)
        case .closed: return .ending
        case .refused(let status): return .givenUp(status)
        case .failed(let outcome): return .failed(outcome)
        case .tooShort: return .corrupt(.tooShort)
        }
        return .nothing
    }

    // MARK: Opening

    private mutating func open(
        _ index: StreamIndex, _ stream: inout WriteStream, isNew: Bool, _ core: inout Core<Ring>
    ) {
        let device = core.blocks.devices[stream.device]
        var flags = O_RDWR | (device.isDirect ? CURING_O_DIRECT : 0)
        if isNew { flags |= O_CREAT | O_EXCL }
        let name = Device.name(of: stream.block)
        stream.pending += 1
        let context = OperationContext(kind: OperationKind.openFile.rawValue, owner: index.owner)
        core.reactor.start(context) { memory in
            .open(at: device.blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0o600)
        }
    }

    private mutating func rename(
        _ spare: RecycledFiles.File, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) {
        let directory = core.blocks.devices[stream.device].blocks
        let name = Device.name(of: stream.block)
        stream.pending += 1
        let context = OperationContext(
            kind: OperationKind.renameSpare.rawValue, owner: index.owner)
        core.reactor.start(context) { memory in
            .rename(
                at: directory, from: memory.storePath(spare.name, at: 0),
                to: memory.storePath(name, at: 64), replacing: false)
        }
    }

    mutating func renamed(
        _ index: StreamIndex, _ stream: inout WriteStream, _ outcome: Outcome,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        let pages = stream.file.spare?.pages ?? 0
        let action = stream.file.renamed(outcome)
        if case .open(isNew: true) = action { stream.claim(pages: pages, of: &core.blocks) }
        if case .failed(EINVAL) = outcome, let spare = stream.file.takeUnusedSpare() {
            // Where a file cannot be renamed without replacing another, no spare file is of use.
            core.blocks.dropSpare(spare, of: stream.device)
        }
        giveBackSpare(&stream, &core)
        return stream.endOperation() ? perform(action, index, &stream, &core) : .ending
    }

    mutating func opened(
        _ index: StreamIndex, _ stream: inout WriteStream, _ outcome: Outcome,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        let action = stream.file.opened(outcome)
        return stream.endOperation() ? perform(action, index, &stream, &core) : .ending
    }

    /// It is closed, or what is behind it was given back. A file system without holes keeps the
    /// room: the block is whole all the same.
    mutating func closed(_ stream: inout WriteStream) -> StreamNext {
        _ = stream.endOperation()
        return .ending
    }

    /// The next step of the end of a stream's file: closed, when there is none.
    mutating func end(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> Bool {
        giveBackMetadata(&stream, &core)
        let action = stream.endFile()
        giveBackSpare(&stream, &core)
        if case .closed = action { return true }
        _ = perform(action, index, &stream, &core)
        return false
    }

    // MARK: Header and table

    /// With a metadata buffer, one of these: load a sealed block's checksums, write the opening
    /// header, describe a flush, describe the seal.
    mutating func describe(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard stream.file.wantsBuffer else { return }
        guard let buffer = core.buffers.takeMetadata() else {
            return core.buffers.enqueueForMetadata(.stream(index))
        }
        guard stream.file.isOpen else {
            _ = perform(stream.file.load(into: buffer), index, &stream, &core)
            return
        }
        let memory = core.buffers.metadata(buffer)
        let device = core.blocks.devices[stream.device].id
        let chunks = stream.describe(
            into: memory, cluster: core.identity.cluster, device: device)
        let action = stream.file.write(
            from: buffer, chunks: chunks, length: stream.hwm,
            maxLength: stream.maxLength)
        _ = perform(action, index, &stream, &core)
    }

    /// Moves what is still missing of header pages or table.
    private mutating func move(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        let file = stream.file
        let memory = metadata(of: &stream, &core)
        if file.state == .loading {
            start(
                file.kind, index, &stream, file.transfer.read(file.descriptor, into: memory), &core)
        } else {
            let source = file.isTable ? memory + BlockLayout.headerBytes : memory
            start(
                file.kind, index, &stream, file.transfer.write(file.descriptor, from: source), &core
            )
        }
    }

    mutating func moved(
        _ index: StreamIndex, _ stream: inout WriteStream, _ outcome: Outcome,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        guard stream.endOperation() else { return .ending }
        return perform(stream.file.moved(outcome), index, &stream, &core)
    }

    private mutating func metadata(
        of stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> UnsafeMutableRawPointer {
        guard let buffer = stream.file.buffer else {
            preconditionFailure("header and table move through a buffer")
        }
        return core.buffers.metadata(buffer)
    }

    /// Header and table are on the device.
    private mutating func described(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> StreamNext {
        giveBackMetadata(&stream, &core)
        switch stream.file.account {
        case .opening:
            stream.join.isFileReady = true
            return .proceed
        // The sync of a durable seal begins in `WritePath.beginFlushOrSeal`.
        case .flush: return perform(stream.file.sync(), index, &stream, &core)
        case .seal: return .sealed(.written)
        }
    }

    /// A spare file that did not become the block's is there for the next one.
    private func giveBackSpare(_ stream: inout WriteStream, _ core: inout Core<Ring>) {
        guard let spare = stream.file.takeUnusedSpare() else { return }
        core.blocks.returnSpare(spare, to: stream.device)
    }

    mutating func giveBackMetadata(_ stream: inout WriteStream, _ core: inout Core<Ring>) {
        if let buffer = stream.file.takeBuffer() {
            core.buffers.releaseMetadata(buffer)
        }
    }

    // MARK: Loading

    // A writer that missed the answer to its seal comes back to a block that is sealed: its
    // checksums are read from the file, so that what it sends again can be compared.

    private mutating func loadedHeaders(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> StreamNext {
        let memory = metadata(of: &stream, &core)
        guard
            case .success(let (header, page)) = BlockHeader.newest(
                of: memory, block: stream.block),
            header.block == stream.block, header.state == .sealed,
            header.epoch == stream.epoch, header.length == stream.seal.length,
            header.checksum == stream.seal.checksum
        else { return .corrupt(ScrubFinding("its header")) }
        // Another writer's block: a number that was given twice must not join two values.
        guard header.lease == stream.lease else { return .givenUp(.sealed) }
        if let action = stream.file.found(header) { return perform(action, index, &stream, &core) }
        return loaded(
            index, &stream, memory + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset,
            count: Int(header.inlineCount), &core)
    }

    private mutating func loadedTable(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) -> StreamNext {
        let memory = metadata(of: &stream, &core)
        let chunks = BlockLayout.chunks(length: stream.hwm)
        guard CRC32C.of(memory, count: chunks * 4) == stream.file.tableChecksum else {
            return .corrupt(ScrubFinding("its checksum table"))
        }
        return loaded(index, &stream, memory, count: chunks, &core)
    }

    private mutating func loaded(
        _ index: StreamIndex, _ stream: inout WriteStream, _ checksums: UnsafeMutableRawPointer,
        count: Int,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        for chunk in 0..<count { stream.table[chunk] = checksums.loadLittle(at: chunk * 4) }
        giveBackMetadata(&stream, &core)
        stream.file.loaded()
        stream.join.isFileReady = true
        return .resume
    }

    // MARK: Syncs

    // For flushes and seals alike. A sync that failed is final (ATC '20, "Can Applications Recover
    // from fsync Failures?"): the device is out of service, and nothing that the sync covered is
    // acked.

    mutating func synced(
        _ index: StreamIndex, _ stream: inout WriteStream, _ outcome: Outcome,
        _ core: inout Core<Ring>
    ) -> StreamNext {
        let isLive = stream.endOperation()
        guard case .done = outcome else {
            return isLive
                ? .syncFailed(outcome)
                : .deviceLost(device: stream.device, outcome)
        }
        return isLive ? perform(stream.file.synced(), index, &stream, &core) : .ending
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
