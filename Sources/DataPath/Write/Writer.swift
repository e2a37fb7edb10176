import CURing
import Glibc
import Reactor
import Wire

// Step 4 of the write path: the device takes each frame from the buffer it was received into.
extension Datanode where Ring: ~Copyable {
    /// Opens the stream's block file: a new one, or the one that a sealed block has.
    mutating func openFile(_ stream: Int32, isNew: Bool) {
        let entry = streams.at(stream)
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

    /// Gives a new block a file: a spare one of about its length, or a fresh one.
    mutating func makeFile(_ stream: Int32, expected: UInt64) {
        let entry = streams.at(stream)
        let length = min(
            expected == 0 ? entry.pointee.maxLength : expected, entry.pointee.maxLength)
        let pages = BlockLayout.filePages(length: length)
        guard let spare = core.blocks.takeSpare(pages: pages, of: entry.pointee.device) else {
            entry.pointee.claimed = UInt64(pages) * UInt64(BlockLayout.headerBytes)
            core.blocks.claim(entry.pointee.claimed, on: entry.pointee.device)
            return openFile(stream, isNew: true)
        }
        entry.pointee.spare = spare
        renameSpare(stream, spare)
    }

    private mutating func renameSpare(_ stream: Int32, _ spare: RecycledFiles.File) {
        let entry = streams.at(stream)
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

    mutating func renamedSpare(_ stream: Int32, _ outcome: Outcome) {
        let entry = streams.at(stream)
        guard let spare = entry.pointee.spare else {
            preconditionFailure("a spare is renamed once")
        }
        if case .again = outcome, !entry.pointee.isEnding {
            entry.pointee.pending -= 1
            return renameSpare(stream, spare)
        }
        entry.pointee.spare = nil
        if case .done = outcome { entry.pointee.sparePages = spare.pages }
        guard settle(stream: stream) else { return endIfSettled(stream) }
        switch outcome {
        case .done: openFile(stream, isNew: false)
        // EINVAL: a file system that cannot rename without replacing.
        case .again, .failed(ENOENT), .failed(EINVAL): openFile(stream, isNew: true)
        case .failed(EEXIST):
            _ = core.blocks.addSpare(spare, to: entry.pointee.device)
            blockRefused(stream, .mayBeLost)
        case .full, .cancelled, .disconnected, .failed: deviceRefused(stream, outcome)
        }
    }

    mutating func openedFile(_ stream: Int32, _ outcome: Outcome) {
        let entry = streams.at(stream)
        if case .done(let number) = outcome { entry.pointee.descriptor = .fixed(number) }
        guard settle(stream: stream) else { return endIfSettled(stream) }
        switch outcome {
        case .done:
            entry.pointee.file = .open
            if entry.pointee.seal.local == .done {
                entry.pointee.file = .loading
            }
            proceed(stream)
        case .again:
            openFile(stream, isNew: isNewFile(stream))
        // A name that is to be made needs only its directory.
        case .failed(ENOENT) where isNewFile(stream):
            deviceRefused(stream, outcome)
        case .failed(EEXIST), .failed(ENOENT): blockRefused(stream, .mayBeLost)
        case .failed(EMFILE), .failed(ENFILE): blockRefused(stream, .busy)
        case .full, .cancelled, .disconnected, .failed: deviceRefused(stream, outcome)
        }
    }

    private func isNewFile(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        return entry.pointee.seal.local != .done && entry.pointee.sparePages == 0
    }

    /// The device is sound, but this block cannot be opened on it.
    private mutating func blockRefused(_ stream: Int32, _ status: Status) {
        let upstream = streams.at(stream).pointee.upstream
        if upstream >= 0 { fail(upstream, status) }
        abandon(stream)
    }

    /// With a metadata buffer, one of these: load a sealed block's checksums, write the opening
    /// header, describe a flush, describe the seal.
    mutating func describe(_ stream: Int32) {
        guard let entry = live(stream), entry.pointee.metadata < 0 else { return }
        let isNeeded: Bool =
            switch entry.pointee.file {
            case .loading: true
            case .open:
                !entry.pointee.isHeaderWritten || entry.pointee.seal.local == .writing
                    || entry.pointee.flush.phase == .describing
            case .opening, .closing: false
            }
        guard isNeeded else { return }
        guard let buffer = core.buffers.takeMetadata() else {
            core.buffers.enqueueForMetadata(.stream(stream))
            return
        }
        entry.pointee.metadata = buffer
        if entry.pointee.file == .loading {
            loadHeader(stream)
        } else if !entry.pointee.isHeaderWritten {
            writeOpenHeader(stream)
        } else if entry.pointee.flush.phase == .describing {
            writeFlush(stream)
        } else {
            writeSeal(stream)
        }
    }

    /// Says whose bytes follow before any of them is acked as written.
    private mutating func writeOpenHeader(_ stream: Int32) {
        streams.at(stream).pointee.headerSequence = 1
        _ = fillMetadata(stream, .open, length: 0, last: nil)
        writeHeader(stream, .writeOpenHeader)
    }

    mutating func wroteOpenHeader(_ stream: Int32, _ outcome: Outcome) {
        guard wroteMetadata(stream, .writeOpenHeader, outcome) else { return }
        let entry = streams.at(stream)
        core.buffers.releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        entry.pointee.isHeaderWritten = true
        entry.pointee.join.isFileReady = true
        proceed(stream)
    }

    /// Hands every frame to the device whose turn it is.
    mutating func writeNext(_ stream: Int32) {
        guard let entry = live(stream), entry.pointee.file == .open else { return }
        while let buffer = entry.pointee.writes.nextToIssue() {
            core.buffers[buffer].transfer = core.buffers[buffer].pagesToWrite
            writeData(stream, buffer)
        }
    }

    private mutating func writeData(_ stream: Int32, _ buffer: Int32) {
        let transfer = core.buffers[buffer].transfer
        guard !core.settings.isDeviceNull else {
            return start(.writeData, stream: stream, buffer: buffer, .answer(Int32(transfer.count)))
        }
        start(
            .writeData, stream: stream, buffer: buffer,
            transfer.write(
                streams.at(stream).pointee.descriptor, from: core.buffers.page(of: buffer)))
    }

    mutating func wroteData(_ stream: Int32, _ event: Event) {
        let buffer = event.operation.buffer
        let entry = streams.at(stream)
        let isLive = settle(stream: stream)
        switch core.buffers[buffer].transfer.take(event.outcome) {
        case .whole: break
        case .more: if isLive { return writeData(stream, buffer) }
        case .short: return wroteInVain(stream, buffer, .failed(EIO), isLive: isLive)
        case .failed: return wroteInVain(stream, buffer, event.outcome, isLive: isLive)
        }
        core.counters.bytesWritten &+= UInt64(core.buffers[buffer].header.payloadLength)
        entry.pointee.writes.finish(buffer: buffer)
        releasePayload(buffer)
        guard isLive else { return endIfSettled(stream) }
        proceed(stream)
    }

    private mutating func wroteInVain(
        _ stream: Int32, _ buffer: Int32, _ outcome: Outcome, isLive: Bool
    ) {
        let device = streams.at(stream).pointee.device
        releasePayload(buffer)
        guard !isLive else { return deviceRefused(stream, outcome) }
        if case .failed = outcome { failDevice(device, outcome) }
        endIfSettled(stream)
    }

    mutating func deviceRefused(_ stream: Int32, _ outcome: Outcome) {
        let isFull = if case .full = outcome { true } else { false }
        deviceRefused(stream, isFull ? .noSpace : .deviceFailed, outcome)
    }

    /// The device did not take the block: its stream fails, and what it holds of the block is not
    /// to be trusted.
    mutating func deviceRefused(_ stream: Int32, _ status: Status, _ outcome: Outcome) {
        let entry = streams.at(stream)
        let device = entry.pointee.device
        if status == .noSpace {
            core.blocks.filled(device)
        } else {
            failDevice(device, outcome)
            guard streams.isUsed(stream), !entry.pointee.isEnding else { return }
        }
        refuse(stream, status, outcome)
    }
}

extension UnsafeMutableRawPointer {
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
