import Reactor
import Wire

// Step 6 of the write path: what is true of this node and all behind it goes back up. One control
// frame is in flight per connection, from the connection's own memory; what advances meanwhile is
// told by the next one (coalescing).
extension Datanode where Ring: ~Copyable {
    /// Sends the next control frame an inbound connection owes, if any: an error, a seal's answer,
    /// or an ack.
    mutating func sendControl(_ index: Int32) {
        let connection = core.connections.at(index)
        guard connection.pointee.life == .open, !connection.pointee.isSendingControl,
            !connection.pointee.isSendingFrame, connection.pointee.role == .inbound
        else { return }
        if let failure = connection.pointee.failure {
            if !connection.pointee.isFailureSent { sendError(index, failure) }
            return
        }
        let stream = connection.pointee.stream
        guard stream >= 0 else { return }
        let entry = writes.at(stream)
        guard entry.pointee.upstream == index, entry.pointee.join.isFileReady else { return }
        if let level = entry.pointee.seal.answer(isTail: entry.pointee.isTail) {
            sendSealed(index, stream, level)
        } else if entry.pointee.join.isDue {
            var header = answer(.ack, index)
            header.progress = entry.pointee.join.take()
            core.counters.acksSent &+= 1
            core.send(index, header, payload: [])
        }
    }

    private mutating func answer(_ operation: FrameOperation, _ index: Int32) -> FrameHeader {
        let connection = core.connections.at(index)
        var header = FrameHeader(operation)
        header.stream = connection.pointee.streamNumber
        header.sequence = connection.pointee.sequence
        connection.pointee.sequence &+= 1
        connection.pointee.prove(&header)
        if connection.pointee.stream >= 0 {
            header.block = writes.at(connection.pointee.stream).pointee.block
            header.epoch = writes.at(connection.pointee.stream).pointee.epoch
        } else {
            header.block = connection.pointee.header.block
            header.epoch = connection.pointee.header.epoch
        }
        return header
    }

    private mutating func sendError(_ index: Int32, _ status: Status) {
        let report = core.connections.reports.removeValue(forKey: index)
        let payload = (report ?? ErrorReport(node: core.identity.node, text: "")).encoded()
        var header = answer(.error, index)
        header.status = status
        header.checksum = CRC32C.of(payload)
        core.connections.at(index).pointee.isFailureSent = true
        core.send(index, header, payload: payload)
    }

    private mutating func sendSealed(_ index: Int32, _ stream: Int32, _ level: Level) {
        let entry = writes.at(stream)
        guard let keys = core.keys, let key = keys[keys.current] else {
            return fail(index, .fenced, "this node has no signing key yet")
        }
        entry.pointee.seal.isAnswered = true
        let receipt = Receipt(
            level: level, position: UInt8(entry.pointee.position),
            checksum: entry.pointee.seal.checksum, key: key.id,
            cluster: core.identity.cluster, block: entry.pointee.block, epoch: entry.pointee.epoch,
            length: entry.pointee.seal.length)
        var header = answer(.sealed, index)
        header.flags = FrameFlags(level: level)
        header.progress = entry.pointee.join.take()
        header.length = receipt.length
        header.checksum = receipt.checksum
        core.send(index, header, payload: receipt.signed(with: key))
    }

    /// A control frame is out: what waits behind it follows.
    mutating func controlSent(_ index: Int32) {
        let connection = core.connections.at(index)
        let stream = connection.pointee.stream
        guard connection.pointee.role == .inbound else {
            return stream >= 0 ? proceed(stream) : ()
        }
        if connection.pointee.isFailureSent { return core.linger(index) }
        if stream >= 0, writes.at(stream).pointee.seal.isWanted,
            writes.at(stream).pointee.seal.isAnswered
        {
            // The stream's last answer is out: the connection is free for the next one.
            connection.pointee.answered = writes.at(stream).pointee.block
            detach(index)
            resume(index)
        }
        sendControl(index)
    }

    /// Recomputes what is true of the stream here, and tells the writer when there is something to
    /// tell.
    mutating func tellProgress(_ stream: Int32) {
        guard let entry = writes.live(stream) else { return }
        entry.pointee.refreshProgress()
        if entry.pointee.upstream >= 0 { sendControl(entry.pointee.upstream) }
    }
}
