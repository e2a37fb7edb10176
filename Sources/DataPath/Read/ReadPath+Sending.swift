import Reactor
import Wire

// The read path's last step.
extension ReadPath where Ring: ~Copyable {
    /// 4. Sends the first frame of the window when its bytes are there: header and payload in one
    /// send.
    mutating func send(_ reader: Int32, _ core: inout Core<Ring>) {
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
        core.connections.at(index).pointee.isSendingFrame = true
        core.arm(.send(index), in: core.settings.progressTimeout)
        core.sendPayload(
            index, buffer: buffer, start + entry.pointee.sent,
            count: core.buffers[buffer].header.frameBytes - entry.pointee.sent)
    }

    private mutating func fillHeader(
        _ reader: Int32, _ buffer: Int32, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        let connection = core.connections.at(entry.pointee.connection)
        var header = core.buffers[buffer].header
        header.stream = connection.pointee.streamNumber
        header.sequence = connection.pointee.sequence
        connection.pointee.sequence &+= 1
        let count = FrameHeader.pieces(offset: header.offset, length: header.payloadLength)
        let first = Int(header.offset / UInt64(Limits.chunkBytes)) - entry.pointee.firstChunk
        for piece in 0..<count { header.pieces[piece] = entry.pointee.checksums[first + piece] }
        header.pieceCount = UInt16(count)
        connection.pointee.prove(&header)
        let isNextReady = entry.pointee.count > 1 && core.buffers[entry.pointee.second].isReady
        header.flags = header.end == entry.pointee.end ? .last : isNextReady ? .more : []
        core.buffers[buffer].header = header
    }

    /// Part or all of a frame went out; the send is settled.
    mutating func sent(
        _ index: Int32, _ event: Event, _ core: inout Core<Ring>
    ) -> Wish? {
        let connection = core.connections.at(index)
        let buffer = event.operation.buffer
        connection.pointee.isSendingFrame = false
        guard connection.pointee.failure == nil else {
            // A frame that was under way when its read failed is out: the error may follow, if it
            // is whole.
            core.buffers.giveBack(buffer)
            guard case .done(let count) = event.outcome, UInt32(count) == event.operation.length
            else { return .close(index) }
            return .answer(index)
        }
        let reader = connection.pointee.reader
        guard reader >= 0 else {
            core.buffers.giveBack(buffer)
            return nil
        }
        let entry = readers.at(reader)
        readers.endSending(reader)
        switch event.outcome {
        case .done(let count):
            entry.pointee.sent += Int(count)
            connection.pointee.taken &+= UInt64(count)
        case .again: break
        case .cancelled where entry.pointee.isYielding: break
        case .cancelled, .disconnected, .full, .failed:
            _ = entry.pointee.popFirst()
            core.buffers.giveBack(buffer)
            return .ended(index)
        }
        core.clear(.send(index))
        let isLast = core.buffers[buffer].header.flags.contains(.last)
        let isYielding = entry.pointee.isYielding
        entry.pointee.isYielding = false
        guard entry.pointee.sent == core.buffers[buffer].header.frameBytes else {
            if isYielding { cutFrame(reader, buffer, &core) } else { send(reader, &core) }
            return nil
        }
        _ = entry.pointee.popFirst()
        core.buffers.giveBack(buffer)
        return goOn(reader, isLast: isLast, &core)
    }

    /// Goes on behind a frame that is sent.
    private mutating func goOn(
        _ reader: Int32, isLast: Bool, _ core: inout Core<Ring>
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
        for reader in 0..<Int32(readers.capacity)
        where readers.isUsed(reader) && readers.isOverdue(reader, core.settings.budget, now: now) {
            let entry = readers.at(reader)
            entry.pointee.isYielding = true
            core.counters.readsCut &+= 1
            let connection = core.connections.at(entry.pointee.connection)
            core.reactor.cancel(connection.pointee.sendToken)
        }
    }

    /// Ends one read that took nothing for too long.
    /// - Returns: its connection, which closes.
    mutating func endStalled(_ core: inout Core<Ring>) -> Int32? {
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
        _ reader: Int32, _ buffer: Int32, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        let index = entry.pointee.connection
        let header = core.buffers[buffer].header
        let sent = entry.pointee.sent
        let count = min(Connection.wideBytes, header.frameBytes - sent)
        core.connections.received(of: index).copyMemory(
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
        core.arm(.send(index), in: core.settings.progressTimeout)
        core.connections.at(index).pointee.isSendingFrame = true
        sendPiece(reader, &core)
    }

    private mutating func sendPiece(_ reader: Int32, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        let index = entry.pointee.connection
        let done = entry.pointee.pieceSent
        readers.beginSending(reader, now: core.reactor.now)
        core.start(
            .sendPiece, connection: index,
            .send(
                core.connections.at(index).pointee.descriptor,
                core.connections.received(of: index) + done,
                count: entry.pointee.pieceBytes - done, more: false))
    }

    mutating func sentPiece(
        _ index: Int32, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Wish? {
        guard core.settle(index) else { return nil }
        let connection = core.connections.at(index)
        let reader = connection.pointee.reader
        // It failed inside a frame: no error can follow.
        guard reader >= 0 else { return .close(index) }
        let entry = readers.at(reader)
        readers.endSending(reader)
        switch outcome {
        case .done(let count):
            entry.pointee.pieceSent += Int(count)
            entry.pointee.sent += Int(count)
            connection.pointee.taken &+= UInt64(count)
        case .again: break
        case .cancelled, .disconnected, .full, .failed: return .ended(index)
        }
        guard entry.pointee.pieceSent == entry.pointee.pieceBytes else {
            sendPiece(reader, &core)
            return nil
        }
        core.clear(.send(index))
        guard let cut = entry.pointee.cut, entry.pointee.sent == cut.frameBytes else {
            readAhead(reader, &core)
            return nil
        }
        entry.pointee.sent = 0
        entry.pointee.next = cut.end
        connection.pointee.isSendingFrame = false
        return goOn(reader, isLast: cut.flags.contains(.last), &core)
    }
}
