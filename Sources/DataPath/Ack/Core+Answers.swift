import Reactor
import Transport
import Wire

// Step 6 of the write path: what is true of this node and all behind it goes back up. One answer is
// in flight per connection, from the connection's own memory; what advances meanwhile is told by
// the next one (coalescing).
extension Core where Ring: ~Copyable {
    /// The connection's peer is owed answers, and one may be sent now.
    mutating func mayAnswer(_ index: ConnectionIndex) -> Bool {
        let connection = transport.at(index)
        return connection.isOpen && !connection.isSending && !connection.role.isInsideFrame
            && connection.role.side == .inbound
    }

    /// Sends the error frame that a failed connection owes, once.
    mutating func sendError(_ index: ConnectionIndex, _ failure: Status) {
        let connection = transport.at(index)
        guard !connection.role.isFailureSent else { return }
        let report = connections.reports.removeValue(forKey: index)
        let payload = (report ?? ErrorReport(node: identity.node, text: "")).encoded()
        let header = connection.header
        var error = answer(.error, index, header.block, header.epoch)
        error.status = failure
        error.checksum = CRC32C.of(payload)
        connection.role.isFailureSent = true
        send(.sendAnswer, index, error, payload: payload)
    }

    /// Tells a stream's writer what was reached since the last time.
    mutating func sendAck(_ index: ConnectionIndex, of stream: inout WriteStream) {
        var ack = answer(.ack, index, stream.block, stream.epoch)
        ack.progress = stream.join.take()
        counters.acksSent &+= 1
        send(.sendAnswer, index, ack)
    }

    /// Answers a stream's seal, with this node's receipt.
    mutating func sendSealed(
        _ index: ConnectionIndex, of stream: inout WriteStream, _ level: Level,
        signedWith key: SigningKey
    ) {
        stream.seal.isAnswered = true
        let receipt = Receipt(
            level: level, position: UInt8(stream.position), checksum: stream.seal.checksum,
            key: key.id, cluster: identity.cluster, block: stream.block, epoch: stream.epoch,
            length: stream.seal.length)
        var sealed = answer(.sealed, index, stream.block, stream.epoch)
        sealed.flags = FrameFlags(level: level)
        sealed.progress = stream.join.take()
        sealed.length = receipt.length
        sealed.checksum = receipt.checksum
        send(.sendAnswer, index, sealed, payload: receipt.signed(with: key))
    }

    private mutating func answer(
        _ operation: FrameOperation, _ index: ConnectionIndex, _ block: BlockID, _ epoch: Epoch
    ) -> FrameHeader {
        var header = FrameHeader(operation)
        transport.number(&header, index)
        transport.at(index).role.prove(&header)
        header.block = block
        header.epoch = epoch
        return header
    }
}

extension WritePath where Ring: ~Copyable {
    /// Sends the next answer an inbound connection is owed, if any: an error, a seal's answer, or
    /// an ack. `false`: a receipt is owed, and this node has no key to sign it with.
    mutating func answer(_ index: ConnectionIndex, _ core: inout Core<Ring>) -> Bool {
        guard core.mayAnswer(index) else { return true }
        let role = core.transport.at(index).role
        if let failure = role.failure {
            core.sendError(index, failure)
            return true
        }
        guard let stream = role.stream else { return true }
        let entry = at(stream)
        guard entry.pointee.join.isFileReady else { return true }
        if let level = entry.pointee.seal.answer(isTail: entry.pointee.isTail) {
            guard let keys = core.keys, let key = keys[keys.current] else { return false }
            core.sendSealed(index, of: &entry.pointee, level, signedWith: key)
        } else if entry.pointee.join.isDue {
            core.sendAck(index, of: &entry.pointee)
        }
        return true
    }

    /// What is true of the stream here is reckoned anew.
    /// - Returns: the connection of the writer, who may have to hear it.
    mutating func refreshProgress(of stream: StreamIndex) -> ConnectionIndex? {
        guard let entry = live(stream) else { return nil }
        entry.pointee.refreshProgress()
        return entry.pointee.upstream
    }

    /// Whether a stream's last answer is with the writer's socket now. Then the connection is free
    /// for the next stream, and drops what still comes of this one.
    mutating func noteAnswered(on index: ConnectionIndex, _ core: inout Core<Ring>) -> Bool {
        let connection = core.transport.at(index)
        guard let stream = connection.role.stream else { return false }
        let entry = at(stream)
        guard entry.pointee.seal.isWanted, entry.pointee.seal.isAnswered else { return false }
        connection.role.answered = entry.pointee.block
        return true
    }
}
