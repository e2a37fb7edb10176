import Glibc
import Reactor
import Wire

// Step 3 of the write path: what a frame is to its block, and what is done to the stream for it.
extension WritePath where Ring: ~Copyable {
    /// Where a data frame belongs.
    mutating func verdict(
        on header: FrameHeader, in stream: StreamIndex, _ core: inout Core<Ring>
    ) -> FrameVerdict {
        let entry = at(stream)
        let verdict = FrameVerdict.of(
            offset: header.offset, length: header.payloadLength, hwm: entry.pointee.hwm,
            held: entry.pointee.held.count,
            sealedLength: entry.pointee.seal.isRequested ? entry.pointee.seal.length : nil,
            limits: FrameVerdict.Limits(
                maxLength: entry.pointee.maxLength,
                heldFrames: core.settings.budget.heldFramesPerStream,
                heldBytesBeyond: core.settings.budget.heldBytesBeyond))
        guard verdict == .advance, overlapsHeld(stream, header, &core) else { return verdict }
        return .refuse(.straddles)
    }

    /// Every piece against its checksum, in the buffer where the device and the successor will take
    /// it from.
    mutating func hasGoodPieces(
        _ header: FrameHeader, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) -> Bool {
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

    /// A frame at the HWM takes its place, and those behind it whose gap it fills.
    mutating func advance(_ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>) {
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
        if entry.pointee.successor != .none {
            core.buffers.hold(buffer)
            entry.pointee.forwards.append(buffer)
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

    // MARK: Beyond a gap

    /// Keeps a frame until its gap fills. Frames that are kept never overlap: the same frame again
    /// is dropped, other bytes at its offset are a conflict, another cut straddles.
    /// - Returns: `nil` when it is kept; otherwise its buffer is given back, and the stream fails
    ///   unless the status is `ok`.
    mutating func hold(_ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>)
        -> Status?
    {
        let entry = at(stream)
        let header = core.buffers[buffer].header
        for position in 0..<entry.pointee.held.count {
            let other = core.buffers[entry.pointee.held[position]].header
            guard other.offset < header.end, header.offset < other.end else { continue }
            guard other.offset == header.offset, other.payloadLength == header.payloadLength else {
                return .straddles
            }
            return other.pieces == header.pieces ? .ok : .conflict
        }
        guard heldFrames < core.settings.budget.heldFrames else { return .busy }
        core.counters.framesHeld &+= 1
        heldFrames += 1
        entry.pointee.held.append(buffer)
        return nil
    }

    private mutating func overlapsHeld(
        _ stream: StreamIndex, _ header: FrameHeader, _ core: inout Core<Ring>
    ) -> Bool {
        let entry = at(stream)
        for position in 0..<entry.pointee.held.count
        where core.buffers[entry.pointee.held[position]].header.offset < header.end { return true }
        return false
    }

    private mutating func takeHeld(_ stream: StreamIndex, _ position: Int) -> BufferIndex {
        heldFrames -= 1
        return at(stream).pointee.held.remove(at: position)
    }

    /// Takes back a frame whose gap will not fill.
    mutating func dropHeld(_ stream: StreamIndex) -> BufferIndex? {
        at(stream).pointee.held.count > 0 ? takeHeld(stream, 0) : nil
    }

    // MARK: Duplicates

    /// Compares a frame below the HWM with what is known of the block's bytes.
    mutating func compare(
        _ stream: StreamIndex, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) -> ChunkTable.Comparison {
        let entry = at(stream)
        let header = core.buffers[buffer].header
        core.counters.duplicates &+= 1
        let comparison = entry.pointee.table.compare(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces,
            hwm: entry.pointee.hwm)
        // Only parts of chunks: the bytes themselves are read back, once they are on the device.
        if comparison == .unknown { entry.pointee.comparing = buffer }
        return comparison
    }

    /// Starts the read-back of a duplicate as soon as its bytes are on the device.
    /// - Returns: why it cannot be compared, if it cannot.
    mutating func compareOnDevice(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Status? {
        guard let entry = live(stream) else { return nil }
        guard let buffer = entry.pointee.comparing, entry.pointee.comparison == nil,
            entry.pointee.file.isOpen
        else { return nil }
        let frame = core.buffers[buffer]
        guard entry.pointee.writes.written >= frame.header.end else { return nil }
        guard !core.settings.isDeviceNull else { return .deviceFailed }
        guard let copy = core.buffers.takePayload(for: FrameSlot()) else { return .busy }
        core.buffers[copy].transfer = frame.pagesToRead
        entry.pointee.comparison = copy
        readBack(stream, copy, &core)
        return nil
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

    /// What came of a read-back.
    enum ReadBack {
        case goesOn
        /// Nobody waits for it any more.
        case stale(isLive: Bool)
        /// `ok`: the same bytes.
        case compared(Status)
    }

    mutating func readBack(
        _ stream: StreamIndex, _ event: Event, _ core: inout Core<Ring>
    ) -> ReadBack {
        let entry = at(stream)
        let copy = event.operation.buffer
        let isLive = settle(stream)
        guard isLive, !entry.pointee.isComparisonStale, let original = entry.pointee.comparing
        else {
            entry.pointee.comparison = nil
            entry.pointee.isComparisonStale = false
            core.buffers.giveBack(copy)
            return .stale(isLive: isLive)
        }
        let status: Status
        switch core.buffers[copy].transfer.take(event.outcome) {
        case .more:
            readBack(stream, copy, &core)
            return .goesOn
        case .whole: status = isSame(original, copy, &core) ? .ok : .conflict
        case .short: status = .corrupt
        case .failed: status = .deviceFailed
        }
        entry.pointee.comparison = nil
        core.buffers.giveBack(copy)
        return .compared(status)
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

    /// Takes back a duplicate that is not to be compared any more, or was.
    mutating func takeComparing(_ stream: StreamIndex) -> BufferIndex? {
        let entry = at(stream)
        guard let buffer = entry.pointee.comparing else { return nil }
        entry.pointee.comparing = nil
        entry.pointee.isComparisonStale = entry.pointee.comparison != nil
        return buffer
    }
}
