import Reactor
import Transport
import Wire

// Step 1 of the write path: payload goes into a buffer of the pool, which counts in its stream's
// window.
extension Core where Ring: ~Copyable {
    /// Takes a buffer for a frame's payload and receives into it; without one, receiving stops
    /// until there is.
    mutating func receivePayload(_ index: ConnectionIndex, of stream: inout WriteStream) {
        markAwaiting(index)
        // One slow write keeps the places of all behind it, though not their buffers; frames beyond
        // a gap will want places too.
        guard stream.frames < settings.budget.framesPerStream,
            stream.writes.room > stream.held.count
        else {
            stream.isWindowFull = true
            return
        }
        // A sealed block's frames can only be compared, and only when its checksums are loaded.
        guard !stream.isSealSettled || stream.file.isOpen else { return }
        // The frame that fills a gap sets those behind it free.
        let held = stream.held.count > 0 ? 0 : stream.frames
        if receiveIntoBuffer(index, held: held) { stream.frames += 1 }
    }

    /// As above, for a frame whose stream was answered: its bytes are dropped.
    mutating func receiveLatePayload(_ index: ConnectionIndex) {
        markAwaiting(index)
        _ = receiveIntoBuffer(index, held: 0)
    }

    /// The connection is known to wait for a buffer from here on, and its deadline runs.
    private mutating func markAwaiting(_ index: ConnectionIndex) {
        let connection = transport.at(index)
        guard connection.role.waiting != .buffer else { return }
        connection.role.waiting = .buffer
        // Twice the progress deadline: peers that hold buffers and stall are cut off within one.
        transport.awaitReceiving(index, within: 2 * settings.progressTimeout)
    }

    /// - Parameter held: buffers that the stream has.
    private mutating func receiveIntoBuffer(_ index: ConnectionIndex, held: Int) -> Bool {
        let connection = transport.at(index)
        guard Budget.mayTake(held: held, free: buffers.freePayloads),
            let buffer = buffers.takePayload(
                for: FrameSlot(header: connection.header, stream: connection.role.stream))
        else {
            if buffers.enqueue(.connection(index)) { counters.bufferWaits &+= 1 }
            return false
        }
        connection.role.waiting = .nothing
        transport.receivePayload(
            index, buffer: buffer, at: buffers.payload(connection.header, in: buffer))
        return true
    }

    /// The seal was answered while this frame was under way: a writer may have sent it again.
    mutating func isLate(_ header: FrameHeader, _ index: ConnectionIndex) -> Bool {
        let connection = transport.at(index)
        return connection.role.reader == nil && header.block == connection.role.answered
            && header.stream == connection.streamNumber
    }

    // MARK: Giving back

    /// One holder less of a buffer that counts in this stream's window.
    mutating func giveBack(_ buffer: BufferIndex, of stream: inout WriteStream) {
        if buffers.release(buffer) != nil { madeRoom(in: &stream) }
    }

    /// A buffer of the stream came back: what waited for room in its window is received.
    mutating func madeRoom(in stream: inout WriteStream) {
        stream.frames -= 1
        guard stream.isWindowFull, !stream.isEnding else { return }
        stream.isWindowFull = false
        guard let writer = stream.upstream else { return }
        let connection = transport.at(writer)
        guard connection.isOpen, connection.role.waiting == .buffer else { return }
        receivePayload(writer, of: &stream)
    }
}
