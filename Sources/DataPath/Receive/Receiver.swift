import Reactor
import Transport
import Wire

// Step 1 of the write path: bytes become frames. A frame's payload and the next frame's header are
// taken in one receive when the sender promised that it comes at once.
extension Datanode where Ring: ~Copyable {
    /// Waits for the next frame of a connection, or takes it up when its header is here already.
    mutating func beginHeader(_ index: ConnectionIndex) {
        heard(index, core.transport.receiveHeader(index, within: headerPatience(index)))
    }

    /// How long a connection may be silent. The successor's silence is judged by what it owes
    /// (Forwarder), not by an idle time.
    private mutating func headerPatience(_ index: ConnectionIndex) -> UInt64? {
        let role = core.transport.at(index).role
        guard role.side == .inbound else { return nil }
        guard role.stream >= 0 else { return core.settings.idleTimeout }
        // Frames beyond a gap hold buffers: who leaves the gap open is slow, not idle.
        let isHolding = writes.at(role.stream).pointee.held.count > 0
        return isHolding ? core.settings.progressTimeout : core.settings.streamIdleTimeout
    }

    /// An inbound frame whose header is known: is it allowed now, and is there room for its
    /// payload?
    mutating func takeUp(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let header = connection.header
        let stream = connection.role.stream
        switch header.operation {
        case .write, .read:
            if stream >= 0, writes.at(stream).pointee.seal.isWanted {
                // The next stream begins when the one before is answered.
                connection.role.waiting = .turn
            } else if stream >= 0 {
                fail(index, .unexpectedOperation)
            } else if header.payloadLength == 0 {
                fail(index, header.checksum == 0 ? .badCredentials : .badPayloadChecksum)
            } else {
                core.transport.receiveBody(index)
            }
        case .data, .seal, .flush:
            guard stream >= 0 || isLate(header, index) else {
                return fail(index, .unexpectedOperation)
            }
            takeUpPart(index, header, stream)
        case .ack, .sealed, .error: fail(index, .unexpectedOperation)
        }
    }

    /// The seal was answered while this frame was under way: a writer may have sent it again.
    private mutating func isLate(_ header: FrameHeader, _ index: ConnectionIndex) -> Bool {
        let connection = core.transport.at(index)
        return connection.role.reader < 0
            && header.block == connection.role.answered
            && header.stream == connection.streamNumber
    }

    /// A data frame, a seal or a flush of the connection's stream, or a late one, which is dropped.
    private mutating func takeUpPart(
        _ index: ConnectionIndex, _ header: FrameHeader, _ stream: StreamIndex
    ) {
        switch header.operation {
        case .data:
            guard stream < 0 || belongs(header, to: stream, index) else { return }
            guard header.payloadLength <= core.settings.budget.packetBytes else {
                return fail(index, .payloadTooLarge)
            }
            guard !header.flags.contains(.last) else { return fail(index, .badFlags) }
            receivePayload(index)
        default:
            guard stream >= 0 else { return beginHeader(index) }
            guard belongs(header, to: stream, index) else { return }
            if header.operation == .flush {
                flushRequested(index, header)
            } else {
                sealRequested(index, header)
            }
        }
    }

    private mutating func belongs(
        _ header: FrameHeader, to stream: StreamIndex, _ index: ConnectionIndex
    ) -> Bool {
        let block = writes.at(stream).pointee.block
        let epoch = writes.at(stream).pointee.epoch
        guard header.block == block else {
            fail(index, .tokenWrongBlock)
            return false
        }
        guard header.epoch == epoch else {
            fail(index, .tokenStaleEpoch)
            return false
        }
        return true
    }

    /// Takes a buffer for the frame's payload and receives into it; without one, receiving stops
    /// until there is.
    mutating func receivePayload(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let waited = connection.role.waiting == .buffer
        connection.role.waiting = .buffer
        if !waited {
            // Twice the progress deadline: peers that hold buffers and stall are cut off within
            // one.
            core.transport.awaitReceiving(index, within: 2 * core.settings.progressTimeout)
        }
        let isData = connection.role.stream >= 0
        var held = 0
        if isData {
            let stream = writes.at(connection.role.stream)
            // One slow write keeps the places of all behind it, though not their buffers; frames
            // beyond a gap will want places too.
            guard stream.pointee.frames < core.settings.budget.framesPerStream,
                stream.pointee.writes.room > stream.pointee.held.count
            else {
                stream.pointee.isWindowFull = true
                return
            }
            // A sealed block's frames can only be compared, and only when its checksums are loaded.
            guard !stream.pointee.isSealed || stream.pointee.file.isOpen else { return }
            // The frame that fills a gap sets those behind it free.
            held = stream.pointee.held.count > 0 ? 0 : stream.pointee.frames
        }
        guard Budget.mayTake(held: held, free: core.buffers.freePayloads),
            let buffer = core.buffers.takePayload(
                for: FrameSlot(
                    header: connection.header,
                    stream: connection.role.stream))
        else {
            if core.buffers.enqueue(.connection(index)) { core.counters.bufferWaits &+= 1 }
            return
        }
        if isData { writes.at(connection.role.stream).pointee.frames += 1 }
        connection.role.waiting = .nothing
        core.transport.receivePayload(
            index, buffer: buffer,
            at: core.buffers.payload(connection.header, in: buffer))
    }

    mutating func payloadComplete(_ index: ConnectionIndex, _ buffer: BufferIndex) {
        let header = core.transport.at(index).header
        core.counters.bytesReceived &+= UInt64(header.bodyBytes)
        place(index, header, buffer)
        continueReceiving(index)
    }

    /// Goes on with the next frame, unless the last one stopped the connection.
    mutating func continueReceiving(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.canReceive, connection.role.waiting == .nothing else {
            return
        }
        beginHeader(index)
    }

    /// A buffer or room in the window is there. A place among those who wait outlives its
    /// connection, and the next one in its place may wait for something else.
    mutating func hasRoom(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.isOpen, connection.role.waiting == .buffer else { return }
        receivePayload(index)
    }

    /// The answer that the next frame had to wait for is given.
    mutating func resume(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.isOpen else { return }
        let waiting = connection.role.waiting
        switch waiting {
        case .nothing, .buffer: break
        case .turn:
            connection.role.waiting = .nothing
            takeUp(index)
        case .answer:
            connection.role.waiting = .nothing
            continueReceiving(index)
        }
    }
}
