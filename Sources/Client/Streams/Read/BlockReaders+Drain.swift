import CURing
import Glibc
import Reactor
import Wire

// Step 3 of a read: verified bytes go to the sink or the owner, and nothing else ever does.
extension BlockReaders where Ring: ~Copyable {
    /// Begins as many sink writes as the sink takes.
    mutating func drain(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        guard let sink = at(read).pointee.sink else { return }
        while let buffer = at(read).pointee.nextForSink() {
            core.buffers[buffer].done = 0
            startDrain(read, sink, buffer, &core)
        }
    }

    private mutating func startDrain(
        _ read: ReadIndex, _ sink: PayloadFile, _ buffer: BufferIndex,
        _ core: inout StreamCore<Ring>
    ) {
        let record = core.buffers[buffer]
        let start = at(read).pointee.assembly.range.lowerBound
        // An offset of all ones is the descriptor's own position (io_uring_prep_write.3).
        let place = sink.position.map { $0 + record.position - start + UInt64(record.done) }
        core.reactor.start(
            .write(
                .plain(sink.descriptor),
                core.buffers.payload(of: buffer) + record.start + record.done,
                count: record.wanted - record.done, offset: place ?? .max,
                registered: core.buffers.isRegistered && place != nil),
            OperationContext(
                kind: EngineOperation.drain.rawValue, owner: read.owner, buffer: buffer))
    }

    mutating func didDrain(_ read: ReadIndex, _ event: Event, _ core: inout StreamCore<Ring>) {
        let buffer = event.operation.requiredBuffer
        let entry = at(read)
        guard let sink = entry.pointee.sink else { preconditionFailure("a drain has a sink") }
        // A caller's descriptor may be anything, so no errno is our own fault here.
        switch event.result {
        case 1...:
            core.buffers[buffer].done += Int(event.result)
            let record = core.buffers[buffer]
            if record.done < record.wanted, !entry.pointee.isEnding {
                return startDrain(read, sink, buffer, &core)
            }
        case -EINTR, -EAGAIN:
            if !entry.pointee.isEnding { return startDrain(read, sink, buffer, &core) }
        default: sinkFailed(read, event.result == 0 ? EIO : -event.result, &core)
        }
        drained(read, buffer, &core)
        if isUsed(read), !at(read).pointee.isEnding { drain(read, &core) }
    }

    /// A buffer's bytes are with the sink or the owner.
    mutating func drained(
        _ read: ReadIndex, _ buffer: BufferIndex, _ core: inout StreamCore<Ring>
    ) {
        at(read).pointee.drained()
        core.buffers.release(buffer)
        guard !at(read).pointee.isEnding else { return removeIfSettled(read, &core) }
        if at(read).pointee.held == 0 { core.news.add(.read(read)) }
    }

    // MARK: News

    /// What the owner hears next of a read that was among the news.
    mutating func nextEvent(of read: ReadIndex, _ core: inout StreamCore<Ring>) -> StreamEvent? {
        let entry = at(read)
        let id = ReadID(index: read)
        guard !entry.pointee.isEnding else {
            removeIfSettled(read, &core)
            return nil
        }
        if let lost = entry.pointee.lost {
            entry.pointee.lost = nil
            core.news.add(.read(read))
            return .readNarrowed(id, isRival: lost.isRival, lost.failure)
        }
        if let buffer = entry.pointee.nextForOwner() {
            if !entry.pointee.arrived.isEmpty { core.news.add(.read(read)) }
            let record = core.buffers[buffer]
            let bytes = UnsafeRawBufferPointer(
                start: core.buffers.payload(of: buffer) + record.start, count: record.wanted)
            return .payload(id, buffer: buffer, offset: record.position, memory: bytes)
        }
        if entry.pointee.hasProgress {
            entry.pointee.hasProgress = false
            core.news.add(.read(read))
            return .verified(id, entry.pointee.verifiedBytes)
        }
        guard entry.pointee.held == 0 else { return nil }
        if let failure = entry.pointee.failure {
            entry.pointee.failure = nil
            return .readFailed(id, failure)
        }
        guard entry.pointee.assembly.isComplete, entry.pointee.asked == nil else { return nil }
        let checksum = entry.pointee.assembly.sum.checksum
        end(read, &core)
        return .readCompleted(id, checksum: checksum)
    }
}
