import Reactor
import Transport
import Wire

// Step 1 of the write path: bytes become frames. A frame's payload and the next frame's header are
// taken in one receive when the sender promised that it comes at once.
extension Datanode where Ring: ~Copyable {
    /// Waits for the next frame of a connection, or judges it when its header is here already.
    mutating func beginHeader(_ index: ConnectionIndex) {
        let span = writes.allowedSilence(on: index, &core)
        heard(index, core.transport.receiveHeader(index, within: span))
    }

    /// An inbound frame whose header is known.
    mutating func judgeHeader(_ index: ConnectionIndex) {
        switch writes.judgeHeader(on: index, &core) {
        case .waits: break
        case .credentials: core.transport.receiveBody(index)
        case .dropped: beginHeader(index)
        case .asked(let stream):
            proceed(stream)
            continueReceiving(index)
        case .refused(let status): fail(index, status)
        }
    }

    /// A frame's payload is whole. The buffer's one hold is the receiver's, and is passed on or
    /// given back.
    mutating func payloadComplete(_ index: ConnectionIndex, _ buffer: BufferIndex) {
        let connection = core.transport.at(index)
        core.counters.bytesReceived &+= UInt64(connection.header.bodyBytes)
        let stream = connection.role.stream
        if let stream {
            follow(writes.place(buffer, in: stream, &core), stream)
        } else {
            // Its stream was answered while it arrived.
            releaseThenSettle(buffer)
        }
        continueReceiving(index)
    }

    /// Goes on with the next frame, unless the last one stopped the connection.
    mutating func continueReceiving(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.canReceive, connection.role.waiting == .nothing else { return }
        beginHeader(index)
    }

    /// What the next frame had to wait for is there.
    mutating func resume(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.isOpen else { return }
        let waiting = connection.role.waiting
        switch waiting {
        case .nothing: break
        case .buffer: writes.bufferCame(index, &core)
        case .turn:
            connection.role.waiting = .nothing
            judgeHeader(index)
        case .answer:
            connection.role.waiting = .nothing
            continueReceiving(index)
        }
    }

    // MARK: Buffers

    // Buffers come back from everywhere (`Buffers` names the ways). Whoever waits for one is served
    // in order.

    /// One holder less. The stream that it counted for ends here when it waited for this one last.
    mutating func releaseThenSettle(_ buffer: BufferIndex) {
        if let stream = writes.release(buffer, &core) { endIfSettled(stream) }
    }

    /// Hands free buffers to those that wait, once a turn.
    mutating func serveWaiters() {
        // A waiter that still cannot go on rejoins the end of the list, until the next turn.
        for _ in 0..<core.buffers.waiting {
            guard let waiter = core.buffers.nextForPayload() else { break }
            switch waiter {
            case .connection(let index):
                if core.transport.isUsed(index) { writes.bufferCame(index, &core) }
            case .reader(let reader): reads.bufferCame(reader, &core)
            case .stream: preconditionFailure("a connection receives a stream's payload")
            }
        }
        while let waiter = core.buffers.nextForMetadata() {
            switch waiter {
            case .stream(let stream): proceed(stream)
            case .reader(let reader): reads.metadataCame(reader, &core)
            case .connection: preconditionFailure("a connection needs no metadata buffer")
            }
        }
    }
}
