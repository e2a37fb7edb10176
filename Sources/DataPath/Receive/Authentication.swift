import Reactor
import Wire

// Who is on the other side: a connection shows credentials before it gets anything of what streams
// share. They lie in the connection's own memory, and connections without valid ones have places of
// their own, so that strangers however many and slow cost nobody else anything.
extension Datanode where Ring: ~Copyable {
    /// Takes the credentials of a `write` or `read`, and the next header when that was promised.
    mutating func receiveCredentials(_ index: Int32) {
        let connection = core.connections.at(index)
        connection.pointee.payloadBytes = 0
        connection.pointee.receiving = .payload
        core.arm(.receive(index), in: core.settings.progressTimeout)
        receiveMoreCredentials(index)
    }

    private mutating func receiveMoreCredentials(_ index: Int32) {
        let connection = core.connections.at(index)
        let done = connection.pointee.payloadBytes
        core.start(
            .receivePayload, connection: index,
            .receive(
                connection.pointee.descriptor, core.connections.received(of: index) + done,
                count: wanted(connection.pointee.header) - done, waitAll: true))
    }

    mutating func receivedCredentials(_ index: Int32, _ outcome: Outcome) {
        guard core.settle(index) else { return }
        let connection = core.connections.at(index)
        guard connection.pointee.receiving == .payload else { return core.discard(index) }
        switch outcome {
        case .done(0): fail(index, .truncated)
        case .done(let count):
            connection.pointee.payloadBytes += Int(count)
            core.counters.bytesReceived &+= UInt64(count)
            if connection.pointee.payloadBytes < wanted(connection.pointee.header) {
                receiveMoreCredentials(index)
            } else {
                credentialsComplete(index)
            }
        case .again: receiveMoreCredentials(index)
        case .cancelled, .disconnected, .full, .failed: peerEnded(index)
        }
    }

    /// They are whole, on the reactor that may not be the one that has the block.
    mutating func credentialsComplete(_ index: Int32) {
        let connection = core.connections.at(index)
        let header = connection.pointee.header
        connection.pointee.receiving = .header
        connection.pointee.headerBytes = 0
        core.clear(.receive(index))
        guard !handOver(index, header) else { return }
        takeNextHeader(index, header, behind: core.connections.received(of: index))
        if header.operation == .write {
            admitWrite(index, header)
        } else {
            follow(reads.admit(index, header, &core))
        }
        continueReceiving(index)
    }
}
