import Reactor
import Wire

// The read path's last step, and how a read ends.
extension Datanode where Ring: ~Copyable {
    /// 4. Sends the first frame of the window when its bytes are there: header and payload in one
    /// send.
    mutating func sendRead(_ reader: Int32) {
        let entry = readers.at(reader)
        guard !entry.pointee.isSending, entry.pointee.count > 0, !entry.pointee.isEnding else {
            return
        }
        let buffer = entry.pointee.queue[entry.pointee.head]
        guard core.buffers[buffer].isReady else { return }
        let index = entry.pointee.connection
        let start = core.buffers.page(of: buffer) - FrameHeader.byteCount
        if !entry.pointee.isEncoded {
            entry.pointee.isEncoded = true
            fillHeader(reader, buffer, index)
            core.buffers[buffer].header.encode(into: start)
        }
        readers.beginSending(reader, now: core.reactor.now)
        core.connections.at(index).pointee.isSendingFrame = true
        core.arm(.send(index), in: core.settings.progressTimeout)
        core.sendPayload(
            index, buffer: buffer, start + entry.pointee.sent,
            count: core.buffers[buffer].header.frameBytes - entry.pointee.sent)
    }

    private mutating func fillHeader(_ reader: Int32, _ buffer: Int32, _ index: Int32) {
        let entry = readers.at(reader)
        let connection = core.connections.at(index)
        var header = core.buffers[buffer].header
        header.stream = connection.pointee.streamNumber
        header.sequence = connection.pointee.sequence
        connection.pointee.sequence &+= 1
        let count = FrameHeader.pieces(offset: header.offset, length: header.payloadLength)
        let first = Int(header.offset / UInt64(Limits.chunkBytes)) - entry.pointee.firstChunk
        for piece in 0..<count { header.pieces[piece] = entry.pointee.checksums[first + piece] }
        header.pieceCount = UInt16(count)
        connection.pointee.prove(&header)
        let isNextReady =
            entry.pointee.count > 1
            && core.buffers[entry.pointee.queue[(entry.pointee.head + 1) % 64]].isReady
        header.flags = header.end == entry.pointee.end ? .last : isNextReady ? .more : []
        core.buffers[buffer].header = header
    }

    /// A frame that was under way when its read failed is out: the error may follow, if it is
    /// whole.
    private mutating func sentBeforeFailure(_ index: Int32, _ event: Event) {
        let buffer = event.operation.buffer
        releasePayload(buffer)
        guard case .done(let count) = event.outcome, UInt32(count) == event.operation.length else {
            return close(index)
        }
        sendControl(index)
    }

    /// Part or all of a frame went out.
    mutating func sentRead(_ index: Int32, _ event: Event) {
        guard settlePayload(index, event) else { return }
        core.connections.at(index).pointee.isSendingFrame = false
        guard core.connections.at(index).pointee.failure == nil else {
            return sentBeforeFailure(index, event)
        }
        let buffer = event.operation.buffer
        let reader = core.connections.at(index).pointee.reader
        guard reader >= 0 else { return releasePayload(buffer) }
        let entry = readers.at(reader)
        readers.endSending(reader)
        switch event.outcome {
        case .done(let count):
            entry.pointee.sent += Int(count)
            core.connections.at(index).pointee.taken &+= UInt64(count)
        case .again: break
        case .cancelled where entry.pointee.isYielding: break
        case .cancelled, .disconnected, .full, .failed:
            _ = entry.pointee.popFirst()
            releasePayload(buffer)
            return peerEnded(index)
        }
        core.clear(.send(index))
        let header = core.buffers[buffer].header
        let isYielding = entry.pointee.isYielding
        entry.pointee.isYielding = false
        guard entry.pointee.sent == header.frameBytes else {
            return isYielding ? cutFrame(reader, buffer) : sendRead(reader)
        }
        _ = entry.pointee.popFirst()
        releasePayload(buffer)
        frameSent(reader, header)
    }

    /// Goes on behind a frame that is sent.
    mutating func frameSent(_ reader: Int32, _ header: FrameHeader) {
        readers.at(reader).pointee.cut = nil
        if header.flags.contains(.last) {
            let index = readers.at(reader).pointee.connection
            core.connections.at(index).pointee.reader = -1
            core.restIfSettled(index)
            endReader(reader)
            resume(index)
        } else {
            readAhead(reader)
            sendRead(reader)
        }
    }

    /// A read met what cannot be: the block is condemned, on this node's own finding.
    mutating func failCorrupt(_ reader: Int32, _ finding: ScrubFinding) {
        let block = readers.at(reader).pointee.block
        let epoch = readers.at(reader).pointee.epoch
        if core.blocks[block]?.epoch == epoch { core.condemn(block, finding) }
        failRead(reader, .corrupt)
    }

    /// There is no file. Unless the block was deleted meanwhile, this copy is lost.
    mutating func failMissing(_ reader: Int32) {
        let block = readers.at(reader).pointee.block
        guard core.blocks[block] != nil, !core.blocks.isDying(block) else {
            return failRead(reader, .notFound)
        }
        failCorrupt(reader, ScrubFinding("its file is gone"))
    }

    /// The device cannot read the block: another copy is to be read, and this one is not asked for
    /// again, though a second try may succeed.
    mutating func failUnreadable(_ reader: Int32, _ outcome: Outcome) {
        let block = readers.at(reader).pointee.block
        let epoch = readers.at(reader).pointee.epoch
        guard let finding = ScrubFinding(unreadable: outcome) else {
            return failRead(reader, .busy)
        }
        if core.blocks[block]?.epoch == epoch { core.condemn(block, finding) }
        failRead(reader, .deviceFailed)
    }

    mutating func failRead(_ reader: Int32, _ status: Status) {
        let entry = readers.at(reader)
        // Inside a frame there is no place for an error.
        let isInside = entry.pointee.cut != nil && !entry.pointee.isSending
        if isInside {
            close(entry.pointee.connection)
        } else {
            fail(entry.pointee.connection, status)
        }
    }

    /// Gives everything back that the kernel does not hold; the rest comes back with its
    /// completions.
    mutating func endReader(_ reader: Int32) {
        guard readers.end(reader) else { return }
        let entry = readers.at(reader)
        var isFirst = true
        while entry.pointee.count > 0 {
            let buffer = entry.pointee.popFirst()
            let isBeingSent = isFirst && entry.pointee.isSending
            isFirst = false
            if core.buffers[buffer].isReady, !isBeingSent { releasePayload(buffer) }
        }
        endReaderIfSettled(reader)
    }

    private mutating func endReaderIfSettled(_ reader: Int32) {
        let entry = readers.at(reader)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, !entry.pointee.isClosing else {
            return
        }
        if entry.pointee.metadata >= 0 { core.buffers.releaseMetadata(entry.pointee.metadata) }
        entry.pointee.metadata = -1
        guard !entry.pointee.descriptor.isNone else { return readers.remove(reader) }
        entry.pointee.isClosing = true
        start(.closeReader, reader: reader, .close(entry.pointee.descriptor))
    }

    mutating func closedReader(_ reader: Int32) { readers.remove(reader) }

    mutating func start(
        _ kind: OperationKind, reader index: Int32, buffer: Int32 = -1, _ request: Request
    ) {
        readers.at(index).pointee.pending += 1
        core.reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index), buffer: buffer))
    }

    /// An operation of a reader completed. `false`: the reader is ending and only waits for its
    /// operations.
    mutating func settle(reader index: Int32) -> Bool {
        let entry = readers.at(index)
        entry.pointee.pending -= 1
        guard entry.pointee.isEnding else { return true }
        endReaderIfSettled(index)
        return false
    }
}
