import Glibc
import Reactor
import Wire

// A frame below the HWM is acked again when it brings the bytes that are there, and fails the
// stream when not.
extension WritePath where Ring: ~Copyable {
    /// Compares a frame below the HWM with what is known of the block's bytes.
    mutating func compare(
        _ buffer: BufferIndex, in stream: StreamIndex, _ core: inout Core<Ring>
    ) -> Next {
        let entry = at(stream)
        let header = core.buffers[buffer].header
        core.counters.duplicates &+= 1
        let comparison = entry.pointee.table.compare(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces,
            hwm: entry.pointee.hwm)
        switch comparison {
        case .same: confirm(buffer, in: stream, &core)
        case .different:
            core.giveBack(buffer, of: &entry.pointee)
            return .refused(.conflict)
        // Only parts of chunks: the bytes themselves are read back, once they are on the device.
        case .unknown:
            entry.pointee.duplicate.begin(buffer)
            if let writer = entry.pointee.upstream {
                core.transport.at(writer).role.waiting = .answer
            }
        }
        return .proceed
    }

    /// The successor may lack what this node has: a duplicate travels on.
    private mutating func confirm(
        _ buffer: BufferIndex, in stream: StreamIndex, _ core: inout Core<Ring>
    ) {
        let entry = at(stream)
        entry.pointee.join.owe()
        if successors.has(stream) {
            successors.append(buffer, to: stream)
        } else {
            core.giveBack(buffer, of: &entry.pointee)
        }
    }

    // MARK: On the device

    /// Starts the read-back of a duplicate as soon as its bytes are on the device.
    mutating func compareOnDevice(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Next {
        guard let entry = live(stream), let buffer = entry.pointee.duplicate.mayRead,
            entry.pointee.file.isOpen
        else { return .nothing }
        let frame = core.buffers[buffer]
        guard entry.pointee.writes.written >= frame.header.end else { return .nothing }
        guard !core.settings.isDeviceNull else { return compared(stream, .deviceFailed, &core) }
        guard let copy = core.buffers.takePayload(for: FrameSlot()) else {
            return compared(stream, .busy, &core)
        }
        core.buffers[copy].transfer = frame.pagesToRead
        entry.pointee.duplicate.read(into: copy)
        readBack(stream, copy, &core)
        return .nothing
    }

    private mutating func readBack(
        _ stream: StreamIndex, _ copy: BufferIndex, _ core: inout Core<Ring>
    ) {
        let memory = core.buffers.page(of: copy)
        start(
            .readBack, stream, buffer: copy,
            core.buffers[copy].transfer.read(at(stream).pointee.file.descriptor, into: memory),
            &core)
    }

    /// Bytes of the device were read, to be compared with a duplicate.
    mutating func didReadBack(
        _ stream: StreamIndex, _ event: Event, _ core: inout Core<Ring>
    ) -> Next {
        let entry = at(stream)
        let copy = event.operation.buffer
        let isLive = endOperation(of: stream)
        let original = entry.pointee.duplicate.didRead()
        guard isLive, let original else {
            core.buffers.giveBack(copy)
            return isLive ? .proceed : .ending
        }
        let status: Status
        switch core.buffers[copy].transfer.take(event.outcome) {
        case .more:
            entry.pointee.duplicate.read(into: copy)
            readBack(stream, copy, &core)
            return .nothing
        case .whole: status = isSame(original, copy, &core) ? .ok : .conflict
        case .short: status = .corrupt
        case .failed: status = .deviceFailed
        }
        core.buffers.giveBack(copy)
        return compared(stream, status, &core)
    }

    private mutating func isSame(
        _ original: BufferIndex, _ copy: BufferIndex, _ core: inout Core<Ring>
    ) -> Bool {
        let frame = core.buffers[original]
        return memcmp(
            core.buffers.page(of: copy) + frame.shift,
            core.buffers.payload(frame.header, in: original),
            Int(frame.header.payloadLength)) == 0
    }

    /// - Parameter status: `ok`: the same bytes; otherwise why they are not, or are not known to be.
    private mutating func compared(
        _ stream: StreamIndex, _ status: Status, _ core: inout Core<Ring>
    ) -> Next {
        let entry = at(stream)
        guard let buffer = entry.pointee.duplicate.take() else {
            preconditionFailure("what was compared is there")
        }
        guard status != .ok else {
            confirm(buffer, in: stream, &core)
            return .resume
        }
        core.giveBack(buffer, of: &entry.pointee)
        return status == .corrupt ? .corrupt(.tooShort) : .refused(status)
    }
}
