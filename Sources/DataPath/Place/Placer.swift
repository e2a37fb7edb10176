import Glibc
import Reactor
import Wire

// Step 3 of the write path: every data frame finds its place, or is refused, by `Placement`.
extension Datanode where Ring: ~Copyable {
    /// A whole data frame. The buffer's one hold is the receiver's, and is passed on or given back
    /// here.
    mutating func place(_ index: Int32, _ header: FrameHeader, _ buffer: Int32) {
        let stream = core.transport.at(index).role.stream
        // Its stream was answered while it arrived.
        guard stream >= 0 else { return releasePayload(buffer) }
        guard hasGoodPieces(header, buffer) else {
            releasePayload(buffer)
            return fail(index, .badPayloadChecksum)
        }
        guard !core.isFenced else {
            releasePayload(buffer)
            return fail(index, .fenced)
        }
        let entry = streams.at(stream)
        let placement = Placement.of(
            offset: header.offset, length: header.payloadLength, hwm: entry.pointee.hwm,
            held: entry.pointee.held.count,
            sealedLength: entry.pointee.seal.isRequested ? entry.pointee.seal.length : nil,
            limits: Placement.Limits(
                maxLength: entry.pointee.maxLength,
                heldFrames: core.settings.budget.heldFramesPerStream,
                heldBytesBeyond: core.settings.budget.heldBytesBeyond))
        switch placement {
        case .advance:
            guard !overlapsHeld(stream, header) else {
                releasePayload(buffer)
                return fail(index, .straddles)
            }
            append(stream, buffer)
            takeHeld(stream)
            proceed(stream)
        case .hold: hold(index, stream, buffer)
        case .duplicate: compareDuplicate(index, stream, buffer)
        case .refuse(let status):
            releasePayload(buffer)
            fail(index, status)
        }
    }

    /// Every piece against its checksum, in the buffer where the device and the successor will take
    /// it from.
    private mutating func hasGoodPieces(_ header: FrameHeader, _ buffer: Int32) -> Bool {
        var memory = UnsafeRawPointer(core.buffers.payload(header, in: buffer))
        var start = header.offset
        for index in 0..<Int(header.pieceCount) {
            let piece = Piece(from: start, to: header.end)
            guard CRC32C.of(memory, count: Int(piece.length)) == header.pieces[index] else {
                return false
            }
            memory += Int(piece.length)
            start = piece.end
        }
        return true
    }

    /// The frame begins at the HWM: from here on it is held by its device write and by its forward.
    private mutating func append(_ stream: Int32, _ buffer: Int32) {
        let entry = streams.at(stream)
        let header = core.buffers[buffer].header
        fillPages(stream, buffer)
        entry.pointee.table.append(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces)
        entry.pointee.hwm = header.end
        entry.pointee.join.pace.step = 2 * UInt64(header.payloadLength)
        entry.pointee.writes.append(
            buffer: buffer, end: header.end, isAligned: core.buffers[buffer].isAligned)
        if entry.pointee.successor != .none {
            core.buffers.hold(buffer)
            entry.pointee.forwards.append(buffer)
        }
    }

    /// The device takes whole pages. A frame that begins or ends inside one borrows the bytes
    /// before it from the stream's tail, and leaves its own last page there for the next: the only
    /// payload that is ever copied.
    private mutating func fillPages(_ stream: Int32, _ buffer: Int32) {
        let frame = core.buffers[buffer]
        let page = core.buffers.page(of: buffer)
        let entry = streams.at(stream)
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

    // MARK: Beyond a gap

    /// Keeps a frame until its gap fills. Frames that are kept never overlap: the same frame again
    /// is dropped, other bytes at its offset are a conflict, another cut straddles.
    private mutating func hold(_ index: Int32, _ stream: Int32, _ buffer: Int32) {
        let entry = streams.at(stream)
        let header = core.buffers[buffer].header
        for position in 0..<entry.pointee.held.count {
            let other = core.buffers[entry.pointee.held[position]].header
            guard other.offset < header.end, header.offset < other.end else { continue }
            let isSameCut =
                other.offset == header.offset && other.payloadLength == header.payloadLength
            releasePayload(buffer)
            guard isSameCut else { return fail(index, .straddles) }
            if other.pieces != header.pieces { fail(index, .conflict) }
            return
        }
        guard heldFrames < core.settings.budget.heldFrames else {
            releasePayload(buffer)
            return fail(index, .busy)
        }
        core.counters.framesHeld &+= 1
        heldFrames += 1
        entry.pointee.held.append(buffer)
    }

    private mutating func overlapsHeld(_ stream: Int32, _ header: FrameHeader) -> Bool {
        let entry = streams.at(stream)
        for position in 0..<entry.pointee.held.count
        where core.buffers[entry.pointee.held[position]].header.offset < header.end { return true }
        return false
    }

    private mutating func takeFromHeld(_ stream: Int32, _ position: Int) -> Int32 {
        heldFrames -= 1
        return streams.at(stream).pointee.held.remove(at: position)
    }

    /// Frames whose gap has filled follow at once.
    private mutating func takeHeld(_ stream: Int32) {
        let entry = streams.at(stream)
        var position = 0
        while position < entry.pointee.held.count {
            if core.buffers[entry.pointee.held[position]].header.offset == entry.pointee.hwm {
                append(stream, takeFromHeld(stream, position))
                position = 0
            } else {
                position += 1
            }
        }
    }

    mutating func dropHeld(_ stream: Int32) {
        while streams.at(stream).pointee.held.count > 0 {
            releasePayload(takeFromHeld(stream, 0))
        }
    }

    // MARK: Duplicates

    /// A frame below the HWM is acked again when it brings the bytes that are there, and fails the
    /// stream when not.
    private mutating func compareDuplicate(_ index: Int32, _ stream: Int32, _ buffer: Int32) {
        let entry = streams.at(stream)
        let header = core.buffers[buffer].header
        core.counters.duplicates &+= 1
        let comparison = entry.pointee.table.compare(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces,
            hwm: entry.pointee.hwm)
        switch comparison {
        case .same:
            duplicateConfirmed(stream, buffer)
            proceed(stream)
        case .different:
            releasePayload(buffer)
            fail(index, .conflict)
        case .unknown:
            // Only parts of chunks: the bytes themselves are read back, once they are on the
            // device.
            core.transport.at(index).role.waiting = .answer
            entry.pointee.comparing = buffer
            proceed(stream)
        }
    }

    /// The successor may lack what this node has: a duplicate travels on.
    private mutating func duplicateConfirmed(_ stream: Int32, _ buffer: Int32) {
        let entry = streams.at(stream)
        entry.pointee.join.owe()
        if entry.pointee.successor != .none {
            entry.pointee.forwards.append(buffer)
        } else {
            releasePayload(buffer)
        }
    }

    /// Starts the read-back of a duplicate as soon as its bytes are on the device.
    mutating func compareOnDevice(_ stream: Int32) {
        guard let entry = live(stream) else { return }
        let buffer = entry.pointee.comparing
        guard buffer >= 0, entry.pointee.comparison < 0, entry.pointee.file == .open else { return }
        let frame = core.buffers[buffer]
        guard entry.pointee.writes.written >= frame.header.end else { return }
        guard !core.settings.isDeviceNull else { return compared(stream, .deviceFailed) }
        guard let copy = core.buffers.takePayload(for: FrameSlot()) else {
            return compared(stream, .busy)
        }
        core.buffers[copy].transfer = frame.pagesToRead
        entry.pointee.comparison = copy
        readBack(stream, copy)
    }

    private mutating func readBack(_ stream: Int32, _ copy: Int32) {
        start(
            .readBack, stream: stream, buffer: copy,
            core.buffers[copy].transfer.read(
                streams.at(stream).pointee.descriptor, into: core.buffers.page(of: copy)))
    }

    mutating func readBack(_ stream: Int32, _ event: Event) {
        let entry = streams.at(stream)
        let copy = event.operation.buffer
        let original = entry.pointee.comparing
        let isLive = settle(stream: stream)
        guard isLive, !entry.pointee.isComparisonStale, original >= 0 else {
            entry.pointee.comparison = -1
            entry.pointee.isComparisonStale = false
            releasePayload(copy)
            return isLive ? proceed(stream) : endIfSettled(stream)
        }
        let status: Status
        switch core.buffers[copy].transfer.take(event.outcome) {
        case .more: return readBack(stream, copy)
        case .whole:
            let frame = core.buffers[original]
            let isSame =
                memcmp(
                    core.buffers.page(of: copy) + frame.shift,
                    core.buffers.payload(frame.header, in: original),
                    Int(frame.header.payloadLength)) == 0
            status = isSame ? .ok : .conflict
        case .short: status = .corrupt
        case .failed: status = .deviceFailed
        }
        entry.pointee.comparison = -1
        releasePayload(copy)
        compared(stream, status)
    }

    mutating func dropComparison(_ stream: Int32) {
        let entry = streams.at(stream)
        guard entry.pointee.comparing >= 0 else { return }
        releasePayload(entry.pointee.comparing)
        entry.pointee.comparing = -1
        entry.pointee.isComparisonStale = entry.pointee.comparison >= 0
    }

    private mutating func compared(_ stream: Int32, _ status: Status) {
        let entry = streams.at(stream)
        let buffer = entry.pointee.comparing
        let upstream = entry.pointee.upstream
        entry.pointee.comparing = -1
        if status == .ok {
            duplicateConfirmed(stream, buffer)
            proceed(stream)
            if upstream >= 0 { resumeAfterComparison(upstream) }
            return
        }
        releasePayload(buffer)
        if status == .corrupt { return failCorrupt(stream: stream, .tooShort) }
        if upstream >= 0 { fail(upstream, status) }
    }

    private mutating func resumeAfterComparison(_ index: Int32) {
        let connection = core.transport.at(index)
        guard connection.isOpen, connection.role.waiting == .answer else { return }
        connection.role.waiting = .nothing
        continueReceiving(index)
    }
}
