import Reactor
import System
import Transport
import Wire

// Step 3 of a write: frames go to the head in order, one send at a time. And how a write begins,
// moves on and ends.
extension StreamEngine where Ring: ~Copyable {
    /// Begins to write a block.
    /// - Returns: `nil` when `settings.writes` or `settings.connections` is reached.
    package mutating func write(_ request: WriteRequest) -> WriteID? {
        precondition(request.maxBytes > 0 && request.bound > 0, "a block has bytes")
        let writer = BlockWriter(request, windowFrames: settings.windowFrames)
        guard let index = writes.insert(writer) else { return nil }
        guard let connection = connection(to: request.address, for: .write(index)) else {
            writes.remove(index)
            return nil
        }
        writes.at(index).pointee.connection = connection
        takePeeked(index)
        feed(index)
        watchWrite(index)
        pump(connection)
        return WriteID(index: index)
    }

    /// The bytes that were peeked are the beginning of the first frame.
    private mutating func takePeeked(_ write: WriteIndex) {
        guard let (slot, count) = writes.at(write).pointee.request.peeked else { return }
        guard let wanted = nextFill(write) else { preconditionFailure("a new write takes a frame") }
        precondition(count <= wanted, "what was peeked fits the first frame")
        reserve(write, slot, wanted)
        records[Int(slot)].done = count
        if count == wanted { filledUp(write, slot) } else { startFill(write, slot) }
    }

    /// Goes on with a stopped write on a new stream, with the same token: everything unacked is
    /// sent again.
    /// - Returns: `false` when no connection is left; the write stays stopped.
    package mutating func resume(_ id: WriteID) -> Bool {
        let entry = writes.at(id.index)
        precondition(entry.pointee.isStopped, "only a stopped write is resumed")
        guard
            let connection = connection(
                to: entry.pointee.request.address, for: .write(id.index))
        else { return false }
        entry.pointee.window.rewind()
        entry.pointee.connection = connection
        entry.pointee.isStopped = false
        entry.pointee.isOpenSent = false
        entry.pointee.isAnswered = false
        entry.pointee.isSealSent = false
        entry.pointee.flushSent = 0
        feed(id.index)
        watchWrite(id.index)
        pump(connection)
        return true
    }

    /// Whether the bytes of a stopped write can still become another block.
    package func canMove(_ id: WriteID) -> Bool {
        writes.at(id.index).pointee.window.canStartOver
    }

    /// Gives a stopped write's bytes to another block. `maxBytes` must not be less than before.
    package mutating func move(
        _ id: WriteID, block: BlockID, epoch: Epoch, opening: StreamOpening, address: SocketAddress
    ) -> Bool {
        let entry = writes.at(id.index)
        entry.pointee.window.startOver()
        entry.pointee.request.block = block
        entry.pointee.request.epoch = epoch
        entry.pointee.request.opening = opening
        entry.pointee.request.address = address
        for slot in 0..<settings.slots where records[slot].write == id.index {
            records[slot].header.block = block
            records[slot].header.epoch = epoch
        }
        return resume(id)
    }

    /// Asks the chain to make everything that was provided so far durable while the block stays
    /// open. `progress` says when it is: when `durable` has reached the end that is returned.
    @discardableResult
    package mutating func flush(_ id: WriteID) -> UInt64 {
        let entry = writes.at(id.index)
        entry.pointee.flushWanted = entry.pointee.window.end
        if entry.pointee.connection >= 0 { pump(entry.pointee.connection) }
        return entry.pointee.flushWanted
    }

    /// Gives a write up; its buffers come back as the kernel lets go of them.
    package mutating func end(_ id: WriteID) { endWrite(id.index) }

    /// Answers `wantsPayload` with `count` bytes at the memory it named: the block's last frame may
    /// be shorter than asked, every other one of a block of known length has all of them.
    package mutating func provide(_ id: WriteID, slot: BufferIndex, count: Int) {
        let record = records[Int(slot)]
        precondition(record.write == id.index && count > 0 && count <= record.wanted, "a fill")
        let entry = writes.at(id.index)
        if entry.pointee.request.length != nil {
            precondition(count == record.wanted, "a known length is kept")
        } else {
            entry.pointee.reserved = record.header.offset + UInt64(count)
        }
        records[Int(slot)].done = count
        filledUp(id.index, slot)
    }

    /// Answers `wantsPayload` of a block of unknown length: there is no more.
    package mutating func decline(_ id: WriteID, slot: BufferIndex) {
        let entry = writes.at(id.index)
        precondition(entry.pointee.request.length == nil, "a known length is kept")
        entry.pointee.isSourceEnded = true
        entry.pointee.reserved = records[Int(slot)].header.offset
        records[Int(slot)].done = 0
        filledUp(id.index, slot)
    }

    /// Sends the next thing the write's stream owes: credentials, a flush, a frame, the seal.
    mutating func pumpWrite(_ write: WriteIndex) {
        let entry = writes.at(write)
        let index = entry.pointee.connection
        guard entry.pointee.isOpenSent else { return sendOpen(write, index) }
        if isFlushDue(write) { return sendFlush(write, index) }
        guard let frame = entry.pointee.window.unsentFrame() else {
            if entry.pointee.isComplete, !entry.pointee.isSealSent { sendSeal(write, index) }
            return
        }
        guard canSend(frame) else { return }
        if frame.end > entry.pointee.sum.length {
            entry.pointee.sum.append(records[Int(frame.buffer)].header)
        } else {
            counters.framesResent &+= 1
        }
        let isNextReady = isReady(afterUnsent: 1, write)
        entry.pointee.window.markSent()
        if let every = entry.pointee.request.flushEvery,
            frame.end >= entry.pointee.flushWanted + every
        {
            entry.pointee.flushWanted = frame.end
        }
        watchWrite(write)
        sendData(index, slot: frame.buffer, flags: isNextReady ? .more : [])
    }

    /// A flush follows the frames it is about.
    private func isFlushDue(_ write: WriteIndex) -> Bool {
        let entry = writes.at(write)
        guard entry.pointee.flushWanted > entry.pointee.flushSent, !entry.pointee.isSealSent
        else { return false }
        guard let next = entry.pointee.window.unsentFrame() else { return true }
        return next.offset >= entry.pointee.flushWanted
    }

    private mutating func sendFlush(_ write: WriteIndex, _ index: ConnectionIndex) {
        let entry = writes.at(write)
        var header = FrameHeader(.flush)
        header.block = entry.pointee.request.block
        header.epoch = entry.pointee.request.epoch
        header.length = entry.pointee.flushWanted
        entry.pointee.flushSent = header.length
        counters.flushesSent &+= 1
        rewatchWrite(write)
        sendControl(index, header, payload: [])
    }

    /// A frame whose slot an older stream is still sending waits: its header is not changed under
    /// the kernel.
    private func canSend(_ frame: WriteWindow.Frame) -> Bool {
        frame.isReady && slots.holders(frame.buffer) == 1
    }

    /// Whether what follows the frames before `place` can be sent without waiting for anything.
    private func isReady(afterUnsent place: Int, _ write: WriteIndex) -> Bool {
        guard let frame = writes.at(write).pointee.window.unsentFrame(place) else {
            return writes.at(write).pointee.isComplete
        }
        return canSend(frame)
    }

    private mutating func sendOpen(_ write: WriteIndex, _ index: ConnectionIndex) {
        let entry = writes.at(write)
        var header = FrameHeader(.write)
        header.block = entry.pointee.request.block
        header.epoch = entry.pointee.request.epoch
        header.length = entry.pointee.request.length ?? 0
        header.flags = entry.pointee.request.releaseLevel == .received ? [] : .written
        if isReady(afterUnsent: 0, write) { header.flags.insert(.more) }
        entry.pointee.proof = entry.pointee.request.opening.complete(&header, using: &random)
        entry.pointee.isOpenSent = true
        watchWrite(write)
        sendControl(index, header, payload: entry.pointee.request.opening.payload)
    }

    private mutating func sendSeal(_ write: WriteIndex, _ index: ConnectionIndex) {
        let entry = writes.at(write)
        precondition(entry.pointee.sum.length == entry.pointee.window.end, "every frame is summed")
        var header = FrameHeader(.seal)
        header.block = entry.pointee.request.block
        header.epoch = entry.pointee.request.epoch
        header.flags = FrameFlags(level: entry.pointee.request.level)
        header.length = entry.pointee.sum.length
        header.checksum = entry.pointee.sum.checksum
        entry.pointee.isSealSent = true
        rewatchWrite(write)
        sendControl(index, header, payload: [])
    }
}
