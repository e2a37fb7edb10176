import ControlClient
import Reactor
import Wire

// One send and one receive at most are in flight per control connection. What is called for between
// two turns leaves in one send.
extension StreamEngine where Ring: ~Copyable {
    mutating func markSender(_ index: ControlIndex) {
        guard !controls.at(index).pointee.isSender else { return }
        controls.at(index).pointee.isSender = true
        controlSenders.append(index)
    }

    /// Starts the sends of what was called for since the last turn.
    mutating func sendCalls() {
        while let index = controlSenders.popFirst() {
            let entry = controls.at(index)
            entry.pointee.isSender = false
            guard entry.pointee.phase == .open || entry.pointee.phase == .greeting else {
                removeControlIfSettled(index)
                continue
            }
            let connection = entry.pointee.connection
            guard !transport.at(connection).isSending, !entry.pointee.queued.isEmpty else {
                continue
            }
            entry.pointee.sending.fill(entry.pointee.queued)
            entry.pointee.queued.removeAll(keepingCapacity: true)
            transport.send(
                connection, kind: EngineOperation.sendControl.rawValue,
                entry.pointee.sending.start, count: entry.pointee.sending.count)
        }
    }

    /// Receives what comes next, unless that is under way.
    mutating func receiveControl(_ index: ControlIndex) {
        let connection = controls.at(index).pointee.connection
        guard transport.at(connection).canReceive else { return }
        transport.receiveBytes(
            connection, at: controlMemory(of: index), count: ControlLink.receiveBytes)
    }

    mutating func receivedControl(_ index: ControlIndex, _ count: Int) {
        let bytes = UnsafeRawBufferPointer(start: controlMemory(of: index), count: count)
        controls.at(index).pointee.decoder.append(bytes)
        // The next receive begins when these are taken.
        tell(control: index)
    }

    private func controlMemory(of index: ControlIndex) -> UnsafeMutableRawPointer {
        controlMemory + Int(index) * ControlLink.receiveBytes
    }

    // MARK: The end

    /// Nothing more comes of this connection: its calls fail one by one, then it does.
    mutating func failControl(_ index: ControlIndex, _ failure: ControlFailure) {
        let entry = controls.at(index)
        guard entry.pointee.phase != .failed, entry.pointee.phase != .closing else { return }
        entry.pointee.phase = .failed
        entry.pointee.failure = failure
        closeControl(index)
        tell(control: index)
    }

    mutating func endControl(_ index: ControlIndex) {
        guard controls.isUsed(index), controls.at(index).pointee.phase != .closing else { return }
        controls.at(index).pointee.phase = .closing
        for call in 0..<Int32(calls.capacity)
        where calls.isUsed(call) && calls.at(call).pointee.link == index {
            calls.remove(call)
        }
        closeControl(index)
        removeControlIfSettled(index)
    }

    private mutating func closeControl(_ index: ControlIndex) {
        unwatchControl(index)
        let connection = controls.at(index).pointee.connection
        if connection >= 0 { transport.close(connection) }
    }

    /// It is freed when its owner has heard all and the kernel has let go of its memory.
    mutating func removeControlIfSettled(_ index: ControlIndex) {
        guard controls.isUsed(index) else { return }
        let entry = controls.at(index)
        guard entry.pointee.phase == .closing, entry.pointee.connection < 0,
            !entry.pointee.isTeller, !entry.pointee.isSender
        else { return }
        controls.remove(index)
    }
}
