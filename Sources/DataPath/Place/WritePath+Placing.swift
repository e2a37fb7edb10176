import Glibc
import Reactor
import Wire

// Step 3 of the write path: every data frame finds its place, or is refused, by `FrameVerdict`.
extension WritePath where Ring: ~Copyable {
    /// A whole data frame. The buffer's one hold is passed on or given back here.
    mutating func place(
        _ buffer: BufferIndex, in stream: StreamIndex, _ core: inout Core<Ring>
    ) -> StreamNext {
        guard core.buffers.hasGoodPieces(buffer) else {
            return refuse(buffer, of: stream, .badPayloadChecksum, &core)
        }
        guard !core.isFenced else { return refuse(buffer, of: stream, .fenced, &core) }
        let entry = at(stream)
        let limits = FrameVerdict.Limits(
            maxLength: entry.pointee.maxLength,
            heldFrames: core.settings.budget.heldFramesPerStream,
            heldBytesBeyond: core.settings.budget.heldBytesBeyond)
        let verdict = entry.pointee.verdict(on: buffer, limits, &core.buffers)
        switch verdict {
        case .advance:
            advance(stream, buffer, &core)
            return .proceed
        case .hold:
            guard heldFrames < core.settings.budget.heldFrames else {
                return refuse(buffer, of: stream, .busy, &core)
            }
            core.counters.framesHeld &+= 1
            heldFrames += 1
            entry.pointee.held.append(buffer)
        case .repeated: core.giveBack(buffer, of: &entry.pointee)
        case .duplicate: return compare(buffer, in: stream, &core)
        case .refuse(let status): return refuse(buffer, of: stream, status, &core)
        }
        return .nothing
    }

    private mutating func refuse(
        _ buffer: BufferIndex, of stream: StreamIndex, _ status: Status, _ core: inout Core<Ring>
    ) -> StreamNext {
        core.giveBack(buffer, of: &at(stream).pointee)
        return .refused(status)
    }

    /// A frame at the HWM takes its place, and those behind it whose gap it fills.
    private mutating func advance(
        _ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        append(stream, buffer, &core)
        let entry = at(stream)
        var position = 0
        while position < entry.pointee.held.count {
            let next = entry.pointee.held[position]
            if core.buffers[next].header.offset == entry.pointee.hwm {
                append(stream, takeHeld(stream, position), &core)
                position = 0
            } else {
                position += 1
            }
        }
    }

    /// The frame begins at the HWM: from here on it is held by its device write and by its forward.
    private mutating func append(
        _ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let entry = at(stream)
        let header = core.buffers[buffer].header
        fillPages(stream, buffer, &core)
        entry.pointee.table.append(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces)
        entry.pointee.hwm = header.end
        entry.pointee.join.pace.step = 2 * UInt64(header.payloadLength)
        entry.pointee.writes.append(
            buffer: buffer, end: header.end, isAligned: core.buffers[buffer].isAligned)
        if successors.has(stream) {
            core.buffers.hold(buffer)
            successors.append(buffer, to: stream)
        }
    }

    /// The device takes whole pages. A frame that begins or ends inside one borrows the bytes
    /// before it from the stream's tail, and leaves its own last page there for the next: the only
    /// payload that is ever copied.
    private mutating func fillPages(
        _ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        let frame = core.buffers[buffer]
        let page = core.buffers.page(of: buffer)
        let entry = at(stream)
        let used = frame.shift + Int(frame.header.payloadLength)
        if frame.shift > 0, let tail = entry.pointee.tail {
            page.copyMemory(from: tail, byteCount: frame.shift)
            core.counters.unalignedBytesCopied &+= UInt64(frame.shift)
        }
        guard used % 4096 != 0 else { return }
        memset(page + used, 0, 4096 - used % 4096)
        let tail = entry.pointee.tail ?? .allocate(byteCount: 4096, alignment: 64)
        entry.pointee.tail = tail
        tail.copyMemory(from: page + used / 4096 * 4096, byteCount: 4096)
        core.counters.unalignedBytesCopied &+= UInt64(used % 4096)
    }

    private mutating func takeHeld(_ stream: StreamIndex, _ position: Int) -> BufferIndex {
        heldFrames -= 1
        return at(stream).pointee.held.remove(at: position)
    }

    /// Takes back a frame whose gap will not fill.
    mutating func dropHeld(_ stream: StreamIndex) -> BufferIndex? {
        at(stream).pointee.held.count > 0 ? takeHeld(stream, 0) : nil
    }
}
