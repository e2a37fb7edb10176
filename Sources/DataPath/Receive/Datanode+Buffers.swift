import Reactor

// Buffers come back from many rooms; whoever waits for one is served in order.
extension Datanode where Ring: ~Copyable {
    /// One holder less. The last one makes room in its stream's window too.
    mutating func releasePayload(_ buffer: BufferIndex) {
        guard let stream = core.buffers.release(buffer) else { return }
        let entry = writes.at(stream)
        entry.pointee.frames -= 1
        if entry.pointee.isEnding { return endIfSettled(stream) }
        if entry.pointee.isWindowFull {
            entry.pointee.isWindowFull = false
            if entry.pointee.upstream >= 0 { hasRoom(entry.pointee.upstream) }
        }
    }

    /// Hands free buffers to those that wait, once a turn.
    mutating func serveWaiters() {
        // Who is asked in vain waits again, behind the others, until the next turn.
        for _ in 0..<core.buffers.waiting {
            switch core.buffers.nextForPayload() {
            case .connection(let index): if core.transport.isUsed(index) { hasRoom(index) }
            case .reader(let reader): reads.hasBuffer(reader, &core)
            case .stream, nil: return serveMetadataWaiters()
            }
        }
        serveMetadataWaiters()
    }

    private mutating func serveMetadataWaiters() {
        while let waiter = core.buffers.nextForMetadata() {
            switch waiter {
            case .stream(let stream): proceed(stream)
            case .reader(let reader): reads.hasMetadata(reader, &core)
            case .connection: break
            }
        }
    }
}
