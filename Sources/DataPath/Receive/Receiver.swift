import Reactor
import Wire

// Step 1 of the write path: bytes become frames. A frame's payload and the next frame's header are
// taken in one receive when the sender promised that it comes at once.
extension Datanode where Ring: ~Copyable {
    /// Waits for the next frame of a connection.
    mutating func beginHeader(_ index: Int32) {
        let connection = core.connections.at(index)
        connection.pointee.receiving = .header
        connection.pointee.headerBytes = 0
        receiveHeader(index)
        armHeaderDeadline(index)
    }

    private mutating func armHeaderDeadline(_ index: Int32) {
        let connection = core.connections.at(index)
        // The successor's silence is judged by what it owes (Forwarder), not by an idle time.
        guard connection.pointee.role == .inbound else { return }
        let stream = connection.pointee.stream
        // Frames beyond a gap hold buffers: who leaves the gap open is slow, not idle.
        let isHolding = stream >= 0 && writes.at(stream).pointee.held.count > 0
        let span =
            isHolding
            ? core.settings.progressTimeout
            : stream >= 0 ? core.settings.streamIdleTimeout : core.settings.idleTimeout
        core.arm(.receive(index), in: span)
    }

    private mutating func receiveHeader(_ index: Int32) {
        let connection = core.connections.at(index)
        let done = connection.pointee.headerBytes
        core.start(
            .receiveHeader, connection: index,
            .receive(
                connection.pointee.descriptor, core.connections.memory(of: index) + done,
                count: FrameHeader.byteCount - done, waitAll: false))
    }

    mutating func receivedHeader(_ index: Int32, _ outcome: Outcome) {
        let connection = core.connections.at(index)
        guard core.settle(index) else { return }
        guard connection.pointee.receiving == .header else { return core.discard(index) }
        switch outcome {
        case .done(0):
            if connection.pointee.headerBytes == 0 {
                peerEnded(index)
            } else {
                fail(index, .truncated)
            }
        case .done(let count):
            let isFirst = connection.pointee.headerBytes == 0
            connection.pointee.headerBytes += Int(count)
            if connection.pointee.headerBytes == FrameHeader.byteCount {
                headerComplete(index)
            } else {
                if isFirst {
                    // A frame that has begun has its own deadline, which more bytes do not move.
                    core.clear(.receive(index))
                    core.arm(.receive(index), in: core.settings.progressTimeout)
                }
                receiveHeader(index)
            }
        case .again: receiveHeader(index)
        case .cancelled, .disconnected, .full, .failed: peerEnded(index)
        }
    }

    /// The 128 bytes in the connection's memory are a header: check them and take the frame up.
    mutating func headerComplete(_ index: Int32) {
        let connection = core.connections.at(index)
        core.clear(.receive(index))
        do {
            connection.pointee.header = try FrameHeader(
                decoding: core.connections.memory(of: index))
        } catch {
            if error.status == .badVersion {
                connection.pointee.peerVersion = core.connections.memory(of: index).load(
                    fromByteOffset: 4, as: UInt8.self)
            }
            return fail(index, error.status)
        }
        core.counters.framesReceived &+= 1
        switch connection.pointee.role {
        case .inbound: takeUp(index)
        case .outbound: heardFromSuccessor(index)
        }
    }

    /// An inbound frame whose header is known: is it allowed now, and is there room for its
    /// payload?
    mutating func takeUp(_ index: Int32) {
        let connection = core.connections.at(index)
        let header = connection.pointee.header
        let hasStream = connection.pointee.stream >= 0
        switch header.operation {
        case .write, .read:
            if hasStream, writes.at(connection.pointee.stream).pointee.seal.isWanted {
                // The next stream begins when the one before is answered.
                connection.pointee.receiving = .paused
            } else if hasStream {
                fail(index, .unexpectedOperation)
            } else if header.payloadLength == 0 {
                fail(index, header.checksum == 0 ? .badCredentials : .badPayloadChecksum)
            } else {
                receiveCredentials(index)
            }
        case .data, .seal, .flush:
            guard hasStream || isLate(header, index) else {
                return fail(index, .unexpectedOperation)
            }
            takeUpPart(index, header, hasStream)
        case .ack, .sealed, .error: fail(index, .unexpectedOperation)
        }
    }

    /// The seal was answered while this frame was under way: a writer may have sent it again.
    private func isLate(_ header: FrameHeader, _ index: Int32) -> Bool {
        let connection = core.connections.at(index)
        return connection.pointee.reader < 0 && header.block == connection.pointee.answered
            && header.stream == connection.pointee.streamNumber
    }

    /// A data frame, a seal or a flush of the connection's stream, or a late one, which is dropped.
    private mutating func takeUpPart(_ index: Int32, _ header: FrameHeader, _ hasStream: Bool) {
        let connection = core.connections.at(index)
        switch header.operation {
        case .data:
            guard !hasStream || belongs(header, to: connection.pointee.stream, index) else {
                return
            }
            guard header.payloadLength <= core.settings.budget.packetBytes else {
                return fail(index, .payloadTooLarge)
            }
            guard !header.flags.contains(.last) else { return fail(index, .badFlags) }
            receivePayload(index)
        default:
            guard hasStream else { return beginHeader(index) }
            guard belongs(header, to: connection.pointee.stream, index) else { return }
            if header.operation == .flush {
                flushRequested(index, header)
            } else {
                sealRequested(index, header)
            }
        }
    }

    private mutating func belongs(_ header: FrameHeader, to stream: Int32, _ index: Int32) -> Bool {
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
    mutating func receivePayload(_ index: Int32) {
        let connection = core.connections.at(index)
        if connection.pointee.receiving != .waitingForBuffer {
            connection.pointee.receiving = .waitingForBuffer
            // Twice the progress deadline: peers that hold buffers and stall are cut off within
            // one.
            core.arm(.receive(index), in: 2 * core.settings.progressTimeout)
        }
        let isData = connection.pointee.stream >= 0
        var held = 0
        if isData {
            let stream = writes.at(connection.pointee.stream)
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
                    header: connection.pointee.header,
                    stream: isData ? connection.pointee.stream : -1))
        else {
            if core.buffers.enqueue(.connection(index)) { core.counters.bufferWaits &+= 1 }
            return
        }
        if isData { writes.at(connection.pointee.stream).pointee.frames += 1 }
        connection.pointee.buffer = buffer
        connection.pointee.payloadBytes = 0
        connection.pointee.receiving = .payload
        core.clear(.receive(index))
        core.arm(.receive(index), in: core.settings.progressTimeout)
        receiveMorePayload(index)
    }

    private mutating func receiveMorePayload(_ index: Int32) {
        let connection = core.connections.at(index)
        let memory = core.buffers.payload(connection.pointee.header, in: connection.pointee.buffer)
        let done = connection.pointee.payloadBytes
        core.start(
            .receivePayload, connection: index, buffer: connection.pointee.buffer,
            .receive(
                connection.pointee.descriptor, memory + done,
                count: wanted(connection.pointee.header) - done, waitAll: true))
    }

    /// The payload, and with it the next header when that was promised.
    func wanted(_ header: FrameHeader) -> Int {
        Int(header.payloadLength) + (header.flags.contains(.more) ? FrameHeader.byteCount : 0)
    }

    mutating func receivedPayload(_ index: Int32, _ event: Event) {
        let connection = core.connections.at(index)
        guard event.operation.buffer >= 0 else {
            return connection.pointee.role == .inbound
                ? receivedCredentials(index, event.outcome) : receivedAnswer(index, event.outcome)
        }
        guard core.settle(index), connection.pointee.buffer >= 0 else {
            // The connection failed or closes while the kernel still had the buffer.
            releasePayload(event.operation.buffer)
            if core.connections.isUsed(index) { core.discard(index) }
            return
        }
        switch event.outcome {
        case .done(0):
            dropPayload(index)
            fail(index, .truncated)
        case .done(let count):
            connection.pointee.payloadBytes += Int(count)
            core.counters.bytesReceived &+= UInt64(count)
            if connection.pointee.payloadBytes < wanted(connection.pointee.header) {
                receiveMorePayload(index)
            } else {
                payloadComplete(index)
            }
        case .again: receiveMorePayload(index)
        case .cancelled, .disconnected, .full, .failed:
            dropPayload(index)
            peerEnded(index)
        }
    }

    /// The kernel has let go of the buffer, and its frame will never be whole.
    private mutating func dropPayload(_ index: Int32) {
        releasePayload(core.connections.at(index).pointee.buffer)
        core.connections.at(index).pointee.buffer = -1
    }

    private mutating func payloadComplete(_ index: Int32) {
        let connection = core.connections.at(index)
        let header = connection.pointee.header
        let buffer = connection.pointee.buffer
        connection.pointee.buffer = -1
        connection.pointee.receiving = .header
        connection.pointee.headerBytes = 0
        core.clear(.receive(index))
        takeNextHeader(index, header, behind: core.buffers.payload(header, in: buffer))
        place(index, header, buffer)
        continueReceiving(index)
    }

    /// The header that came behind a payload: it is parsed where every header is.
    mutating func takeNextHeader(
        _ index: Int32, _ header: FrameHeader, behind payload: UnsafeMutableRawPointer
    ) {
        guard header.flags.contains(.more) else { return }
        core.connections.memory(of: index).copyMemory(
            from: payload + Int(header.payloadLength), byteCount: FrameHeader.byteCount)
        core.connections.at(index).pointee.headerBytes = FrameHeader.byteCount
    }

    /// Goes on with the next frame, unless the last one stopped the connection.
    mutating func continueReceiving(_ index: Int32) {
        let connection = core.connections.at(index)
        guard connection.pointee.life == .open, connection.pointee.receiving == .header else {
            return
        }
        if connection.pointee.headerBytes == FrameHeader.byteCount {
            headerComplete(index)
        } else {
            beginHeader(index)
        }
    }

    /// Takes up a header that had to wait.
    mutating func resume(_ index: Int32) {
        let connection = core.connections.at(index)
        guard connection.pointee.life == .open else { return }
        switch connection.pointee.receiving {
        case .paused:
            connection.pointee.receiving = .header
            if connection.pointee.headerBytes == FrameHeader.byteCount {
                takeUp(index)
            } else {
                beginHeader(index)
            }
        case .waitingForBuffer: receivePayload(index)
        default: break
        }
    }
}
