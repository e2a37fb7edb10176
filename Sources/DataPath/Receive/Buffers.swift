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
}
