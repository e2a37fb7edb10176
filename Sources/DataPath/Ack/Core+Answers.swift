import Reactor
import Transport
import Wire

// How an answer is sent: from the connection's own memory. `WritePath+Answers` says which one is
// due.
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
