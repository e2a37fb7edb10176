import Reactor
import Transport
import Wire

// The read path's last step.
extension ReadPath where Ring: ~Copyable {
    /// 4. Sends the first frame of the window when its bytes are there: header and payload in one
    /// send.
    mutating func send(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        guard !entry.pointee.isSending, entry.pointee.count > 0, !entry.pointee.isEnding else {
            return
        }
        let buffer = entry.pointee.first
        guard core.buffers[buffer].isReady else { return }
        let index = entry.pointee.connection
        let start = core.buffers.page(of: buffer) - FrameHeader.byteCount
        if !entry.pointee.isEncoded {
            entry.pointee.isEncoded = true
            fillHeader(reader, buffer, &core)
            core.buffers[buffer].header.encode(into: start)
        }
        readers.beginSending(reader, now: core.reactor.now)
        core.transport.sendPayload(
            index, kind: OperationKind.sendFrame.rawValue, buffer: buffer,
            start + entry.pointee.sent,
            count: core.buffers[buffer].header.frameBytes - entry.pointee.sent,
            &core.buffers.payloads)
        core.transport.awaitSending(index, within: core.settings.progressTimeout)
    }

    private mutating func fillHeader(
        _ reader: ReaderIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        let connection = core.transport.at(entry.pointee.connection)
        var header = core.buffers[buffer].header
        core.transport.number(&header, entry.pointee.connection)
        let count = FrameHeader.pieces(offset: header.offset, length: header.payloadLength)
        let first = Int(header.offset / UInt64(Limits.chunkBytes)) - entry.pointee.firstChunk
        for piece in 0..<count { header.pieces[piece] = entry.pointee.checksums[first + piece] }
        header.pieceCount = UInt16(count)
        connection.role.prove(&header)
        let isNextReady = entry.pointee.count > 1 && core.buffers[entry.pointee.second].isReady
        header.flags = header.end == entry.pointee.end ? .last : isNextReady ? .more : []
        core.buffers[buffer].header = header
    }

    /// A frame went out, or `bytes` of it: its send failed, or was recalled.
    mutating func sent(
        _ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex, isWhole: Bool,
        _ core: inout Core<Ring>
    ) -> Wish? {
        let connection = core.transport.at(index)
        if isWhole { connection.role.isInsideFrame = false }
        guard connection.role.failure == nil else {
            // A frame that was under way when its read failed is out: the error may follow, if it
            // is whole.
            core.buffers.giveBack(buffer)
            return isWhole ? .answer(index) : .close(index)
        }
        let reader = connection.role.reader
        guard let reader else {
            core.buffers.giveBack(buffer)
            return nil
        }
        let entry = readers.at(reader)
        readers.endSending(reader)
        guard isWhole || entry.pointee.isYielding else {
            _ = entry.pointee.popFirst()
            core.buffers.giveBack(buffer)
            return .ended(index)
        }
        entry.pointee.isYielding = false
        entry.pointee.sent += bytes
        guard isWhole else {
            cutFrame(reader, buffer, &core)
            return nil
        }
        let isLast = core.buffers[buffer].header.flags.contains(.last)
        _ = entry.pointee.popFirst()
        core.buffers.giveBack(buffer)
        return goOn(reader, isLast: isLast, &core)
    }

    /// Goes on behind a frame that is sent.
    private mutating func goOn(
        _ reader: ReaderIndex, isLast: Bool, _ core: inout Core<Ring>
    ) -> Wish? {
        let entry = readers.at(reader)
        entry.pointee.cut = nil
        guard isLast else {
            readAhead(reader, &core)
            send(reader, &core)
            return nil
        }
        let index = entry.pointee.connection
        letGo(of: index, &core)
        return .resume(index)
    }

    // MARK: Turns between reads

    // A socket that takes nothing holds no buffers while others wait for them: its send is ended,
    // the frame's next bytes wait in the connection's own memory, and when the socket has taken
    // those, the read queues for a buffer again and the rest of the frame is read once more. Who
    // reads at any speed goes on; who takes nothing costs one turn, once.

    /// Turns are watched while buffers or read streams run short.
    mutating func watchTurns(_ core: inout Core<Ring>) {
        guard !readers.isTurnArmed, let turn = readers.turn(core.settings.budget) else { return }
        readers.isTurnArmed = true
        core.arm(.readTurn, in: turn)
    }

    /// A turn is over: ends the sends of those whose sockets have not taken their frame for one.
    mutating func endTurn(_ core: inout Core<Ring>) {
        readers.isTurnArmed = false
        let now = core.reactor.now
        for reader in readers.places
        where readers.isUsed(reader) && readers.isOverdue(reader, core.settings.budget, now: now) {
            let entry = readers.at(reader)
            entry.pointee.isYielding = true
            core.counters.readsCut &+= 1
            core.transport.recallSend(entry.pointee.connection)
        }
    }

    /// Ends one read that took nothing for too long.
    /// - Returns: its connection, which closes.
    mutating func endStalled(_ core: inout Core<Ring>) -> ConnectionIndex? {
        guard let reader = readers.stalled(core.settings.budget, now: core.reactor.now) else {
            return nil
        }
        core.counters.readsEnded &+= 1
        let index = readers.at(reader).pointee.connection
        letGo(of: index, &core)
        return index
    }

    /// The kernel has let go of a frame that is sent in part: its next bytes move to the
    /// connection's memory, and every buffer of the read goes back.
    private mutating func cutFrame(
        _ reader: ReaderIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        let index = entry.pointee.connection
        let header = core.buffers[buffer].header
        let sent = entry.pointee.sent
        let count = min(ConnectionMemory.inbound.receivedBytes, header.frameBytes - sent)
        core.transport.bodyMemory(of: index).copyMemory(
            from: core.buffers.page(of: buffer) - FrameHeader.byteCount + sent, byteCount: count)
        while entry.pointee.count > 0 {
            let next = entry.pointee.popFirst()
            if core.buffers[next].isReady {
                core.buffers.giveBack(next)
            } else {
                core.buffers[next].isDropped = true
            }
        }
        entry.pointee.cut(header, sent: sent, pieceBytes: count)
        core.transport.at(index).role.isInsideFrame = true
        sendPiece(reader, &core)
    }

    private mutating func sendPiece(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        let index = entry.pointee.connection
        readers.beginSending(reader, now: core.reactor.now)
        core.transport.send(
            index, kind: OperationKind.sendPiece.rawValue, core.transport.bodyMemory(of: index),
            count: entry.pointee.pieceBytes)
        core.transport.awaitSending(index, within: core.settings.progressTimeout)
    }

    /// The socket has taken a piece of a frame that was cut.
    mutating func sentPiece(_ index: ConnectionIndex, _ core: inout Core<Ring>) -> Wish? {
        let reader = core.transport.at(index).role.reader
        // It failed inside a frame: no error can follow.
        guard let reader else { return .close(index) }
        let entry = readers.at(reader)
        readers.endSending(reader)
        entry.pointee.pieceSent = entry.pointee.pieceBytes
        entry.pointee.sent += entry.pointee.pieceBytes
        guard let cut = entry.pointee.cut, entry.pointee.sent == cut.frameBytes else {
            readAhead(reader, &core)
            return nil
        }
        entry.pointee.sent = 0
        entry.pointee.next = cut.end
        core.transport.at(index).role.isInsideFrame = false
        return goOn(reader, isLast: cut.flags.contains(.last), &core)
    }
}
