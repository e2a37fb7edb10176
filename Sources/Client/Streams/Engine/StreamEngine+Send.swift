import Reactor
import Transport
import Wire

// One send is in flight per connection: a control frame from its own memory, or a data frame from
// its slot.
extension StreamEngine where Ring: ~Copyable {
    /// Sends one frame without a slot, with `payload` behind its header.
    mutating func sendControl(_ index: ConnectionIndex, _ header: FrameHeader, payload: [UInt8]) {
        var header = header
        transport.number(&header, index)
        payload.withUnsafeBytes { transport.fill(index, header, $0) }
        transport.sendFrame(index, kind: EngineOperation.sendControl.rawValue)
    }

    /// Sends a slot's frame, header and payload in one send; the connection holds the slot until
    /// the kernel lets go.
    mutating func sendData(_ index: ConnectionIndex, slot: BufferIndex, flags: FrameFlags) {
        slots.hold(slot)
        var header = records[Int(slot)].header
        header.flags = flags
        transport.number(&header, index)
        let start = payload(of: slot) - FrameHeader.byteCount
        header.encode(into: start)
        counters.framesSent &+= 1
        transport.sendPayload(
            index, kind: EngineOperation.sendData.rawValue, buffer: slot, start,
            count: header.frameBytes, &slots)
    }

    /// The kernel has let go of a slot that was being sent; a write that waited to send it again
    /// may do so.
    mutating func letGo(_ slot: BufferIndex) {
        guard slot >= 0 else { return }
        let write = records[Int(slot)].write
        releaseSlot(slot)
        guard write >= 0, writes.isUsed(write) else { return }
        if writes.at(write).pointee.connection >= 0 { pump(writes.at(write).pointee.connection) }
    }

    mutating func releaseSlot(_ slot: BufferIndex) {
        if slots.release(slot) { records[Int(slot)].write = -1 }
    }

    /// Hands free slots to those that wait, in order, once a turn. A write that its owner fills
    /// takes its slot later, with the event: no more of them are told than there are slots.
    mutating func serveSlotWaiters() {
        var promised = 0
        while slots.free > promised, let waiter = slotWaiters.popFirst() {
            let index = waiter - Int32(writes.capacity)
            if index >= 0 {
                if transport.isUsed(index) { receivePayload(index) }
            } else if writes.isUsed(waiter) {
                if writes.at(waiter).pointee.request.source == nil { promised += 1 }
                feed(waiter)
            }
        }
    }
}
