import CURing
import Glibc
import Reactor
import Wire

// How a write stream ends: sealed and answered, abandoned after a device's failure, or deleted on
// the namenode's word.
extension Datanode where Ring: ~Copyable {
    /// Ends a stream whose block is sealed, or was given up. Everything it holds comes back; it is
    /// freed when the kernel has let go of the rest.
    mutating func endStream(_ stream: Int32) {
        let entry = streams.at(stream)
        guard !entry.pointee.isEnding else { return }
        precondition(entry.pointee.upstream < 0, "a stream ends after its connection let go of it")
        letGo(stream)
        entry.pointee.isEnding = true
        while let buffer = entry.pointee.writes.takeUnissued() { releasePayload(buffer) }
        endIfSettled(stream)
    }

    /// Gives back what a stream holds for its connection: the chain behind, frames beyond a gap, a
    /// duplicate.
    mutating func letGo(_ stream: Int32) {
        streams.at(stream).pointee.isWindowFull = false
        dropSuccessor(stream)
        dropHeld(stream)
        dropComparison(stream)
    }

    /// Gives an unfinished block up: what is on the device stays, but only what was
    /// flushed is vouched for.
    mutating func abandon(_ stream: Int32) {
        let entry = streams.at(stream)
        guard !entry.pointee.isEnding else { return }
        let device = entry.pointee.device
        if entry.pointee.seal.reached == nil, !entry.pointee.isUnlinking {
            core.blocks.record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.flush.durable, checksum: 0,
                    state: core.blocks.devices[device].isFailed ? .lost : .mayBeLost,
                    device: device,
                    incarnation: entry.pointee.incarnation))
        }
        endStream(stream)
    }

    /// Closes the file and frees the stream once no operation and no buffer names it.
    mutating func endIfSettled(_ stream: Int32) {
        guard streams.isUsed(stream) else { return }
        let entry = streams.at(stream)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, entry.pointee.frames == 0 else {
            return
        }
        if entry.pointee.metadata >= 0 {
            core.buffers.releaseMetadata(entry.pointee.metadata)
            entry.pointee.metadata = -1
        }
        guard entry.pointee.descriptor.isNone else {
            if trim(stream) { return }
            let descriptor = entry.pointee.descriptor
            entry.pointee.descriptor = .none
            entry.pointee.file = .closing
            return start(.closeFile, stream: stream, .close(descriptor))
        }
        let block = entry.pointee.block
        let device = entry.pointee.device
        let isUnlinking = entry.pointee.isUnlinking
        core.blocks.free(entry.pointee.reserved, on: device)
        core.blocks.close(block)
        streams.remove(stream)
        if isUnlinking { unlink(block, device) }
    }

    mutating func closedFile(_ stream: Int32) {
        streams.at(stream).pointee.pending -= 1
        endIfSettled(stream)
    }

    /// Gives back what a sealed block does not need of a longer spare file, and what its flushes
    /// wrote behind it. `true`: it is on its way, and the file is closed after it.
    mutating func trim(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        let pages = BlockLayout.filePages(length: entry.pointee.hwm)
        var end = entry.pointee.sparePages
        if entry.pointee.flush.hasTables {
            end = max(end, BlockLayout.flushedFilePages(maxLength: entry.pointee.maxLength))
        }
        guard entry.pointee.isSealed, !entry.pointee.isUnlinking, end > pages else { return false }
        let offset = UInt64(pages) * UInt64(BlockLayout.headerBytes)
        let count = UInt64(end - pages) * UInt64(BlockLayout.headerBytes)
        entry.pointee.sparePages = 0
        entry.pointee.flush.hasTables = false
        start(
            .trimFile, stream: stream,
            .allocate(
                entry.pointee.descriptor,
                mode: Int32(FALLOC_FL_PUNCH_HOLE) | Int32(FALLOC_FL_KEEP_SIZE), offset: offset,
                count: count))
        return true
    }

    /// A file system without holes keeps the room: the block is whole all the same.
    mutating func trimmedFile(_ stream: Int32) {
        streams.at(stream).pointee.pending -= 1
        endIfSettled(stream)
    }

    /// Tells how far the open blocks are, for INFO: those that moved since the last time.
    package mutating func reportOpenBlocks() {
        for stream in 0..<Int32(streams.capacity) where streams.isUsed(stream) {
            let entry = streams.at(stream)
            guard var record = core.blocks[entry.pointee.block], record.state == .open,
                record.length != entry.pointee.join.own.written
            else { continue }
            record.length = entry.pointee.join.own.written
            core.blocks.record(entry.pointee.block, record)
        }
    }

    // MARK: Operations

    mutating func start(
        _ kind: OperationKind, stream index: Int32, buffer: Int32 = -1, _ request: Request
    ) {
        streams.at(index).pointee.pending += 1
        core.reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index), buffer: buffer))
    }

    /// An operation of a stream completed. `false`: the stream is ending and only waits for its
    /// operations.
    mutating func settle(stream index: Int32) -> Bool {
        let stream = streams.at(index)
        stream.pointee.pending -= 1
        guard stream.pointee.isEnding else { return true }
        return false
    }

    // MARK: Stopping

    /// Ends every connection and stream; `isIdle` says when the last is gone.
    mutating func stop() {
        guard !core.isStopping else { return }
        core.isStopping = true
        core.isDraining = true
        for index in 0..<Int32(core.transport.capacity) where core.transport.isUsed(index) {
            let role = core.transport.at(index).role
            if role.side == .inbound, role.stream >= 0 {
                fail(index, .shuttingDown)
            } else if role.failure == nil {
                close(index)
            }
        }
        for index in 0..<Int32(streams.capacity) where streams.isUsed(index) { endStream(index) }
    }
}
