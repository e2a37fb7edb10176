import Reactor
import Wire

// Turns between reads. A socket that takes nothing holds no buffers while others wait for them: its
// send is ended, the frame's next bytes wait in the connection's own memory, and when the socket
// has taken those, the read queues for a buffer again and the rest of the frame is read once more.
// Who reads at any speed goes on; who takes nothing costs one turn, once.
extension Datanode where Ring: ~Copyable {
    /// Turns are watched while buffers or read streams run short.
    mutating func watchReadTurns() {
        guard !readers.isTurnArmed, let turn = readers.turn(core.settings.budget) else { return }
        readers.isTurnArmed = true
        core.arm(.readTurn, in: turn)
    }

    /// Ends the sends of those whose sockets have not taken their frame for a turn, and the reads
    /// that took nothing for too long.
    mutating func readTurn() {
        readers.isTurnArmed = false
        endReadTurns()
        while let reader = readers.stalled(core.settings.budget, now: core.reactor.now) {
            core.counters.readsEnded &+= 1
            close(readers.at(reader).pointee.connection)
        }
        watchReadTurns()
    }

    private mutating func endReadTurns() {
        for reader in 0..<Int32(readers.capacity)
        where readers.isUsed(reader)
            && readers.isOverdue(reader, core.settings.budget, now: core.reactor.now)
        {
            readers.at(reader).pointee.isYielding = true
            core.counters.readsCut &+= 1
            let index = readers.at(reader).pointee.connection
            core.reactor.cancel(core.connections.at(index).pointee.sendToken)
        }
    }

    /// The kernel has let go of a frame that is sent in part: its next bytes move to the
    /// connection's memory, and every buffer of the read goes back.
    mutating func cutFrame(_ reader: Int32, _ buffer: Int32) {
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
                releasePayload(next)
            } else {
                core.buffers[next].isDropped = true
            }
        }
        entry.pointee.cut = header
        entry.pointee.next = header.offset
        entry.pointee.sent = sent
        entry.pointee.pieceBytes = count
        entry.pointee.pieceSent = 0
        core.arm(.send(index), in: core.settings.progressTimeout)
        core.connections.at(index).pointee.isSendingFrame = true
        sendPiece(reader)
    }

    private mutating func sendPiece(_ reader: Int32) {
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

    mutating func sentPiece(_ index: Int32, _ outcome: Outcome) {
        guard core.settle(index) else { return }
        let reader = core.connections.at(index).pointee.reader
        // It failed inside a frame: no error can follow.
        guard reader >= 0 else { return close(index) }
        let entry = readers.at(reader)
        readers.endSending(reader)
        switch outcome {
        case .done(let count):
            entry.pointee.pieceSent += Int(count)
            entry.pointee.sent += Int(count)
            core.connections.at(index).pointee.taken &+= UInt64(count)
        case .again: break
        case .cancelled, .disconnected, .full, .failed: return peerEnded(index)
        }
        guard entry.pointee.pieceSent == entry.pointee.pieceBytes else { return sendPiece(reader) }
        core.clear(.send(index))
        guard let cut = entry.pointee.cut, entry.pointee.sent == cut.frameBytes else {
            return readAhead(reader)
        }
        entry.pointee.sent = 0
        entry.pointee.next = cut.end
        core.connections.at(index).pointee.isSendingFrame = false
        frameSent(reader, cut)
    }
}
