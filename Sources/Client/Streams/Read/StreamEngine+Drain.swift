import CURing
import Glibc
import Reactor
import Wire

// Step 3 of a read: verified bytes go to the sink, and nothing else ever does.
extension StreamEngine where Ring: ~Copyable {
    /// Begins as many sink writes as the sink takes: any number at their places in a file, one at a
    /// time in a pipe.
    mutating func drain(_ read: ReadIndex) {
        let entry = reads.at(read)
        guard let sink = entry.pointee.sink else { return }
        while sink.position != nil || entry.pointee.draining == 0 {
            guard let slot = entry.pointee.arrived.popFirst() else { return }
            entry.pointee.draining += 1
            records[Int(slot)].done = 0
            startDrain(read, sink, slot)
        }
    }

    private mutating func startDrain(_ read: ReadIndex, _ sink: ReadSink, _ slot: BufferIndex) {
        let record = records[Int(slot)]
        let start = reads.at(read).pointee.assembly.range.lowerBound
        // An offset of all ones is the descriptor's own position (io_uring_prep_write.3).
        let place = sink.position.map { $0 + record.position - start + UInt64(record.done) }
        transport.reactor.start(
            .write(
                .plain(sink.descriptor), payload(of: slot) + record.start + record.done,
                count: record.wanted - record.done, offset: place ?? .max,
                registered: isRegistered && place != nil),
            OperationContext(
                kind: EngineOperation.drain.rawValue, owner: UInt32(read), buffer: slot))
    }

    mutating func drained(_ read: ReadIndex, _ event: Event) {
        let slot = event.operation.buffer
        let entry = reads.at(read)
        guard let sink = entry.pointee.sink else { preconditionFailure("a drain has a sink") }
        // A caller's descriptor may be anything, so no errno is our own fault here.
        switch event.result {
        case 1...:
            records[Int(slot)].done += Int(event.result)
            let record = records[Int(slot)]
            if record.done < record.wanted, !entry.pointee.isEnding {
                return startDrain(read, sink, slot)
            }
        case -EINTR, -EAGAIN:
            if !entry.pointee.isEnding { return startDrain(read, sink, slot) }
        default: sinkFailed(read, event.result == 0 ? EIO : -event.result)
        }
        entry.pointee.draining -= 1
        slotDrained(read, slot)
        if reads.isUsed(read), !entry.pointee.isEnding { drain(read) }
    }

    /// Nothing more can reach the sink: what waits for it is dropped.
    private mutating func sinkFailed(_ read: ReadIndex, _ number: Int32) {
        let entry = reads.at(read)
        while let slot = entry.pointee.arrived.popFirst() {
            entry.pointee.held -= 1
            releaseSlot(slot)
        }
        closeConnections(ofRead: read)
        readStopped(read, on: -1, .sink(number))
    }

    /// A slot's bytes are with the sink or the owner.
    mutating func slotDrained(_ read: ReadIndex, _ slot: BufferIndex) {
        let entry = reads.at(read)
        releaseSlot(slot)
        entry.pointee.held -= 1
        guard !entry.pointee.isEnding else { return removeIfSettled(read: read) }
        if entry.pointee.held == 0 { tell(read: read) }
    }
}
