import Reactor
import Transport
import Wire

// Step 6 of the write path: what is true of this node and all behind it goes back up. One control
// frame is in flight per connection, from the connection's own memory; what advances meanwhile is
// told by the next one (coalescing).
extension Datanode where Ring: ~Copyable {
    /// Sends the next control frame an inbound connection owes, if any: an error, a seal's answer,
    /// or an ack.
    mutating func sendControl(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let role = connection.role
        guard connection.isOpen, !connection.isSending, !role.isInsideFrame,
            role.side == .inbound
        else { return }
        if let failure = role.failure {
            if !role.isFailureSent { sendError(index, failure) }
            return
        }
        let stream = role.stream
        guard stream >= 0 else { return }
        let entry = writes.at(stream)
        guard entry.pointee.upstream == index, entry.pointee.join.isFileReady else { return }
        if let level = entry.pointee.seal.answer(isTail: entry.pointee.isTail) {
            sendSealed(index, stream, level)
        } else if entry.pointee.join.isDue {
            var header = answer(.ack, index)
            header.progress = entry.pointee.join.take()
            core.counters.acksSent &+= 1
            core.send(.sendControl, index, header)
        }
    }

    private mutating func answer(_ operation: FrameOperation, _ index: ConnectionIndex)
        -> FrameHeader
    {
        let connection = core.transport.at(index)
        var header = FrameHeader(operation)
        core.transport.number(&header, index)
        connection.role.prove(&header)
        let stream = connection.role.stream
        if stream >= 0 {
            header.block = writes.at(stream).pointee.block
            header.epoch = writes.at(stream).pointee.epoch
        } else {
            header.block = connection.header.block
            header.epoch = connection.header.epoch
        }
        return header
    }

    private mutating func sendError(_ index: ConnectionIndex, _ status: Status) {
        let report = core.connections.reports.removeValue(forKey: index)
        let payload = (report ?? ErrorReport(node: core.identity.node, text: "")).encoded()
        var header = answer(.error, index)
        header.status = status
        header.checksum = CRC32C.of(payload)
        core.transport.at(index).role.isFailureSent = true
        core.send(.sendControl, index, header, payload: payload)
    }

    private mutating func sendSealed(
        _ index: ConnectionIndex, _ stream: StreamIndex, _ level: Level
    ) {
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
        core.send(.sendControl, index, header, payload: receipt.signed(with: key))
    }

    /// A control frame is out: what waits behind it follows.
    mutating func controlSent(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let stream = connection.role.stream
        guard connection.role.side == .inbound else {
            return stream >= 0 ? proceed(stream) : ()
        }
        if connection.role.isFailureSent { return core.transport.linger(index) }
        if stream >= 0, writes.at(stream).pointee.seal.isWanted,
            writes.at(stream).pointee.seal.isAnswered
        {
            // The stream's last answer is out: the connection is free for the next one.
            connection.role.answered = writes.at(stream).pointee.block
            detach(index)
            resume(index)
        }
        sendControl(index)
    }

    /// Recomputes what is true of the stream here, and tells the writer when there is something to
    /// tell.
    mutating func tellProgress(_ stream: StreamIndex) {
        guard let entry = writes.live(stream) else { return }
        entry.pointee.refreshProgress()
        if entry.pointee.upstream >= 0 { sendControl(entry.pointee.upstream) }
    }
}
