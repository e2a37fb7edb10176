import Reactor
import Transport
import Wire

// Step 1, of writes and of reads: what a frame is allowed to be now, by its header alone. A read is
// judged here as well, up to its credentials, since the connection may carry a write stream. From
// there on it is `ReadPath`'s. How long its connection may be silent, and its error frame
// (`answer`), are the write path's too.
extension WritePath where Ring: ~Copyable {
    /// What becomes of an inbound frame whose header is here.
    enum HeaderVerdict {
        /// It waits, or its payload is being received.
        case waits
        /// Its credentials are to be received.
        case credentials
        /// There is nothing to it: the next one may come.
        case dropped
        /// What it asks of its stream was noted.
        case asked(StreamIndex)
        case refused(Status)
    }

    /// An inbound frame whose header is known: is it allowed now, and is there room for its
    /// payload?
    mutating func judgeHeader(
        on index: ConnectionIndex, _ core: inout Core<Ring>
    ) -> HeaderVerdict {
        let connection = core.transport.at(index)
        let header = connection.header
        let stream = connection.role.stream
        switch header.operation {
        case .write, .read:
            if let stream, at(stream).pointee.seal.isWanted {
                // The next stream begins when the one before is answered.
                connection.role.waiting = .turn
                return .waits
            }
            guard stream == nil else { return .refused(.unexpectedOperation) }
            guard header.payloadLength > 0 else {
                return .refused(header.checksum == 0 ? .badCredentials : .badPayloadChecksum)
            }
            return .credentials
        case .data, .seal, .flush:
            if let stream { return note(header, index, stream, &core) }
            guard core.isLate(header, index) else { return .refused(.unexpectedOperation) }
            guard header.operation == .data else { return .dropped }
            return receiveData(header, index, &core)
        case .ack, .sealed, .error: return .refused(.unexpectedOperation)
        }
    }

    /// A data frame, a flush or a seal of the connection's stream.
    private mutating func note(
        _ header: FrameHeader, _ index: ConnectionIndex, _ stream: StreamIndex,
        _ core: inout Core<Ring>
    ) -> HeaderVerdict {
        let entry = at(stream)
        guard header.block == entry.pointee.block else { return .refused(.tokenWrongBlock) }
        guard header.epoch == entry.pointee.epoch else { return .refused(.tokenStaleEpoch) }
        guard header.operation != .data else { return receiveData(header, index, &core) }
        guard !core.isFenced else { return .refused(.fenced) }
        guard header.length <= entry.pointee.maxLength else { return .refused(.tokenTooShort) }
        if header.operation == .flush {
            core.counters.flushes &+= 1
            entry.pointee.askFlush(of: header.length)
        } else {
            guard entry.pointee.askSeal(header) else { return .refused(.sealMismatch) }
        }
        return .asked(stream)
    }

    private mutating func receiveData(
        _ header: FrameHeader, _ index: ConnectionIndex, _ core: inout Core<Ring>
    ) -> HeaderVerdict {
        guard header.payloadLength <= core.settings.budget.packetBytes else {
            return .refused(.payloadTooLarge)
        }
        guard !header.flags.contains(.last) else { return .refused(.badFlags) }
        awaitPayload(index, &core)
        return .waits
    }

    /// Of the connection's stream, or of one that was answered.
    private mutating func awaitPayload(_ index: ConnectionIndex, _ core: inout Core<Ring>) {
        let stream = core.transport.at(index).role.stream
        if let stream {
            core.receivePayload(index, of: &at(stream).pointee)
        } else {
            core.receiveLatePayload(index)
        }
    }

    /// A buffer is there, or what the frame waited for. A place among those who wait outlives its
    /// connection, and the next one in its place may wait for something else.
    mutating func bufferCame(_ index: ConnectionIndex, _ core: inout Core<Ring>) {
        let connection = core.transport.at(index)
        guard connection.isOpen, connection.role.waiting == .buffer else { return }
        awaitPayload(index, &core)
    }

    /// How long a connection may be silent. The successor's silence is judged by what it owes
    /// (`Successors`), not by an idle time.
    mutating func allowedSilence(
        on index: ConnectionIndex, _ core: inout Core<Ring>
    ) -> UInt64? {
        let role = core.transport.at(index).role
        guard role.side == .inbound else { return nil }
        guard let stream = role.stream else { return core.settings.idleTimeout }
        // Frames beyond a gap hold buffers: who leaves the gap open is slow, not idle.
        let isHolding = at(stream).pointee.held.count > 0
        return isHolding ? core.settings.progressTimeout : core.settings.streamIdleTimeout
    }

    // MARK: Buffers

    /// One holder less of a buffer. The last one makes room in its stream's window too.
    /// - Returns: its stream, when that is ending and may be settled now.
    mutating func release(_ buffer: BufferIndex, _ core: inout Core<Ring>) -> StreamIndex? {
        guard let stream = core.buffers.release(buffer) else { return nil }
        core.madeRoom(in: &at(stream).pointee)
        return at(stream).pointee.isEnding ? stream : nil
    }
}
