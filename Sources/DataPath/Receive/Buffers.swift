import Reactor

// Buffers come back from many rooms; whoever waits for one is served in order.
extension Datanode where Ring: ~Copyable {
    /// One holder less. The last one makes room in its stream's window too.
    mutating func releasePayload(_ buffer: Int32) {
        let stream = frames[Int(buffer)].stream
        guard payloads.release(buffer) else { return }
        if frames[Int(buffer)].isRead {
            frames[Int(buffer)].isRead = false
            readBuffers -= 1
        }
        guard stream >= 0 else { return }
        frames[Int(buffer)].stream = -1
        let entry = streams.at(stream)
        entry.pointee.frames -= 1
        if entry.pointee.isEnding { return endIfSettled(stream) }
        if entry.pointee.isWindowFull {
            entry.pointee.isWindowFull = false
            if entry.pointee.upstream >= 0 { resume(entry.pointee.upstream) }
        }
    }

    /// Hands free buffers to those that wait, once a turn.
    mutating func serveWaiters() {
        // Who is asked in vain waits again, behind the others, until the next turn.
        for _ in 0..<bufferWaiters.count {
            guard payloads.free > 0, let place = bufferWaiters.popFirst() else { break }
            let reader = place - Int32(connections.capacity)
            if reader < 0 {
                if connections.isUsed(place) { resume(place) }
            } else if readers.isUsed(reader) {
                readAhead(reader)
            }
        }
        while metadata.free > 0, let place = metadataWaiters.popFirst() {
            let reader = place - Int32(streams.capacity)
            if reader < 0 {
                proceed(place)
            } else if readers.isUsed(reader) {
                loadMetadata(reader)
            }
        }
    }

    mutating func releaseMetadata(_ buffer: Int32) {
        let isFree = metadata.release(buffer)
        precondition(isFree, "a metadata buffer has one holder")
    }

    // Every operation is counted at its owner, so that nothing is freed while the kernel may still
    // complete it.

    mutating func start(
        _ kind: OperationKind, connection index: Int32, buffer: Int32 = -1,
        isZeroCopy: Bool = false, _ request: Request
    ) {
        let connection = connections.at(index)
        connection.pointee.pending += 1
        let token = reactor.start(
            request,
            OperationContext(
                kind: kind.rawValue, owner: UInt32(index), buffer: buffer,
                argument: isZeroCopy ? 1 : 0))
        switch kind {
        case .receiveHeader, .receivePayload, .discard: connection.pointee.receiveToken = token
        default: connection.pointee.sendToken = token
        }
    }

    /// Sends from a payload buffer, without a copy where that pays. A zero-copy send holds the
    /// buffer once more, until its notification.
    mutating func sendPayload(
        _ index: Int32, buffer: Int32, _ memory: UnsafeRawPointer, count: Int
    ) {
        let connection = connections.at(index)
        let descriptor = connection.pointee.descriptor
        let kind = connection.pointee.role == .inbound ? OperationKind.sendFrame : .forwardFrame
        let isProven =
            connection.pointee.role == .outbound || connection.pointee.taken >= Budget.provenBytes
        guard isProven, connection.pointee.zeroCopy.takes(bytes: count) else {
            return start(
                kind, connection: index, buffer: buffer,
                .send(descriptor, memory, count: count, more: false))
        }
        payloads.hold(buffer)
        connection.pointee.unnotified += 1
        counters.zeroCopySends &+= 1
        start(
            kind, connection: index, buffer: buffer, isZeroCopy: true,
            .sendZeroCopy(descriptor, memory, count: count, registered: true))
    }

    /// The kernel has let go of a zero-copy send's memory.
    mutating func notified(_ index: Int32, _ event: Event) {
        let copied = event.completion.wasCopied
        if copied { counters.zeroCopySendsCopied &+= 1 }
        connections.at(index).pointee.zeroCopy.heard(copied: copied)
        connections.at(index).pointee.unnotified -= 1
        releasePayload(event.operation.buffer)
        _ = settle(index)
    }

    /// A send's result. A zero-copy send stays pending until its notification; one that gets none
    /// (it failed before it began) gives its hold back now. `false`: as for `settle`.
    mutating func settleSend(_ index: Int32, _ event: Event) -> Bool {
        if event.completion.hasMore { return connections.at(index).pointee.life != .closing }
        if event.operation.argument != 0 {
            connections.at(index).pointee.unnotified -= 1
            releasePayload(event.operation.buffer)
        }
        return settle(index)
    }

    /// An operation of a connection completed. `false`: the connection is closing and only waits
    /// for its operations.
    mutating func settle(_ index: Int32) -> Bool {
        let connection = connections.at(index)
        connection.pointee.pending -= 1
        guard connection.pointee.life == .closing else { return true }
        closeIfSettled(index)
        return false
    }

    mutating func start(
        _ kind: OperationKind, stream index: Int32, buffer: Int32 = -1, _ request: Request
    ) {
        streams.at(index).pointee.pending += 1
        reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index), buffer: buffer))
    }

    /// An operation of a stream completed. `false`: the stream is ending and only waits for its
    /// operations.
    mutating func settle(stream index: Int32) -> Bool {
        let stream = streams.at(index)
        stream.pointee.pending -= 1
        guard stream.pointee.isEnding else { return true }
        return false
    }
}
