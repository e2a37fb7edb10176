import Reactor
import Wire

// One send is in flight per connection: a control frame from its own memory, or a data frame from
// its slot.
extension StreamEngine where Ring: ~Copyable {
    /// Sends one frame without a slot, with `payload` behind its header.
    mutating func sendControl(_ index: Int32, _ header: FrameHeader, payload: [UInt8]) {
        let entry = connections.at(index)
        let start = memory(of: index) + StreamConnection.controlOffset
        let room = StreamConnection.memoryBytes - StreamConnection.controlOffset
        precondition(FrameHeader.byteCount + payload.count <= room, "a control frame fits")
        var header = header
        header.payloadLength = UInt32(payload.count)
        numbered(&header, index).encode(into: start)
        payload.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            (start + FrameHeader.byteCount).copyMemory(from: base, byteCount: bytes.count)
        }
        entry.pointee.sendingSlot = -1
        begin(index, start, FrameHeader.byteCount + payload.count)
    }

    /// Sends a slot's frame, header and payload in one send; the connection holds the slot until
    /// the kernel lets go.
    mutating func sendData(_ index: Int32, slot: Int32, flags: FrameFlags) {
        slots.hold(slot)
        var header = records[Int(slot)].header
        header.flags = flags
        let start = payload(of: slot) - FrameHeader.byteCount
        numbered(&header, index).encode(into: start)
        connections.at(index).pointee.sendingSlot = slot
        counters.framesSent &+= 1
        begin(index, start, FrameHeader.byteCount + Int(header.payloadLength))
    }

    private func numbered(_ header: inout FrameHeader, _ index: Int32) -> FrameHeader {
        let entry = connections.at(index)
        header.stream = entry.pointee.streamNumber
        header.sequence = entry.pointee.sequence
        entry.pointee.sequence &+= 1
        return header
    }

    private mutating func begin(_ index: Int32, _ start: UnsafeMutableRawPointer, _ count: Int) {
        let entry = connections.at(index)
        entry.pointee.sendStart = start
        entry.pointee.sendLength = count
        entry.pointee.sent = 0
        entry.pointee.isSending = true
        sendMore(index)
    }

    private mutating func sendMore(_ index: Int32) {
        let entry = connections.at(index)
        let done = entry.pointee.sent
        start(
            .send, index, slot: entry.pointee.sendingSlot,
            .send(
                entry.pointee.descriptor, entry.pointee.sendStart + done,
                count: entry.pointee.sendLength - done, more: false))
    }

    mutating func sent(_ index: Int32, _ event: Event) {
        let slot = event.operation.buffer
        guard settle(index) else { return letGo(slot) }
        let entry = connections.at(index)
        switch event.outcome {
        case .done(let count):
            entry.pointee.sent += Int(count)
            counters.bytesSent &+= UInt64(count)
            guard entry.pointee.sent == entry.pointee.sendLength else { return sendMore(index) }
        case .again: return sendMore(index)
        case .cancelled, .disconnected, .full, .failed:
            // The peer may have said why before it went: the receiving half finds the words, or the
            // end.
            entry.pointee.isBroken = true
        }
        entry.pointee.isSending = false
        letGo(slot)
        pump(index)
    }

    /// The kernel has let go of a slot that was being sent; a write that waited to send it again
    /// may do so.
    private mutating func letGo(_ slot: Int32) {
        guard slot >= 0 else { return }
        let write = records[Int(slot)].write
        releaseSlot(slot)
        guard write >= 0, writes.isUsed(write) else { return }
        if writes.at(write).pointee.connection >= 0 { pump(writes.at(write).pointee.connection) }
    }

    mutating func releaseSlot(_ slot: Int32) {
        if slots.release(slot) { records[Int(slot)].write = -1 }
    }

    /// Hands free slots to those that wait, in order, once a turn. A write that its owner fills
    /// takes its slot later, with the event: no more of them are told than there are slots.
    mutating func serveSlotWaiters() {
        var promised = 0
        while slots.free > promised, let waiter = slotWaiters.popFirst() {
            if waiter >= 0 {
                if writes.at(waiter).pointee.request.source == nil { promised += 1 }
                writes.at(waiter).pointee.isWaitingForSlot = false
                if writes.at(waiter).pointee.isEnding {
                    removeIfSettled(waiter)
                } else {
                    feed(waiter)
                }
            } else {
                connections.at(~waiter).pointee.isWaitingForSlot = false
                receivePayload(~waiter)
                closeIfSettled(~waiter)
            }
        }
    }
}
