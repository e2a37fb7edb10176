import ControlClient
import Reactor
import Wire

// One send and one receive at most are in flight per control connection. What is called for between
// two turns leaves in one send.
extension StreamEngine where Ring: ~Copyable {
    mutating func markSender(_ index: Int32) {
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
                closeControlIfSettled(index)
                continue
            }
            guard !entry.pointee.isSending, !entry.pointee.queued.isEmpty else { continue }
            entry.pointee.sending.fill(entry.pointee.queued)
            entry.pointee.queued.removeAll(keepingCapacity: true)
            entry.pointee.sent = 0
            entry.pointee.isSending = true
            sendMoreCalls(index)
        }
    }

    private mutating func sendMoreCalls(_ index: Int32) {
        let entry = controls.at(index)
        let done = entry.pointee.sent
        startControl(
            .sendControl, index,
            .send(
                entry.pointee.descriptor, entry.pointee.sending.start + done,
                count: entry.pointee.sending.count - done, more: false))
    }

    mutating func sentControl(_ index: Int32, _ outcome: Outcome) {
        guard settleControl(index) else { return }
        let entry = controls.at(index)
        switch outcome {
        case .done(let count):
            entry.pointee.sent += Int(count)
            guard entry.pointee.sent == entry.pointee.sending.count else {
                return sendMoreCalls(index)
            }
        case .again: return sendMoreCalls(index)
        case .cancelled, .disconnected, .full, .failed:
            return failControl(index, unreachable(index, outcome.errno))
        }
        entry.pointee.isSending = false
        if !entry.pointee.queued.isEmpty { markSender(index) }
    }

    mutating func receiveControl(_ index: Int32) {
        let entry = controls.at(index)
        entry.pointee.isReceiving = true
        startControl(
            .receiveControl, index,
            .receive(
                entry.pointee.descriptor, controlMemory(of: index),
                count: ControlLink.receiveBytes, waitAll: false))
    }

    mutating func receivedControl(_ index: Int32, _ outcome: Outcome) {
        guard settleControl(index) else { return }
        let entry = controls.at(index)
        entry.pointee.isReceiving = false
        switch outcome {
        case .done(let count) where count > 0:
            let bytes = UnsafeRawBufferPointer(
                start: controlMemory(of: index), count: Int(count))
            entry.pointee.decoder.append(bytes)
            // The next receive begins when these are taken.
            tell(control: index)
        case .again: receiveControl(index)
        case .done, .cancelled, .disconnected, .full, .failed:
            failControl(index, unreachable(index, outcome.errno))
        }
    }

    private func controlMemory(of index: Int32) -> UnsafeMutableRawPointer {
        controlMemory + Int(index) * ControlLink.receiveBytes
    }

    // MARK: Operations and the end

    mutating func startControl(_ kind: EngineOperation, _ index: Int32, _ request: Request) {
        let entry = controls.at(index)
        entry.pointee.pending += 1
        let token = reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: UInt32(index)))
        if kind == .receiveControl {
            entry.pointee.receiveToken = token
        } else {
            entry.pointee.sendToken = token
        }
    }

    /// An operation completed. `false`: the connection only waits for its operations.
    mutating func settleControl(_ index: Int32) -> Bool {
        let entry = controls.at(index)
        entry.pointee.pending -= 1
        switch entry.pointee.phase {
        case .connecting, .greeting, .open: return true
        case .failed: return false
        case .closing:
            closeControlIfSettled(index)
            return false
        }
    }

    /// Nothing more comes of this connection: its calls fail one by one, then it does.
    mutating func failControl(_ index: Int32, _ failure: ControlFailure) {
        let entry = controls.at(index)
        guard entry.pointee.phase != .failed, entry.pointee.phase != .closing else { return }
        entry.pointee.phase = .failed
        entry.pointee.failure = failure
        letGoOfControl(index)
        tell(control: index)
    }

    mutating func endControl(_ index: Int32) {
        guard controls.isUsed(index), controls.at(index).pointee.phase != .closing else { return }
        controls.at(index).pointee.phase = .closing
        for call in 0..<Int32(calls.capacity)
        where calls.isUsed(call) && calls.at(call).pointee.link == index {
            calls.remove(call)
        }
        letGoOfControl(index)
        closeControlIfSettled(index)
    }

    private mutating func letGoOfControl(_ index: Int32) {
        unwatchControl(index)
        reactor.cancel(controls.at(index).pointee.receiveToken)
        reactor.cancel(controls.at(index).pointee.sendToken)
    }

    mutating func closeControlIfSettled(_ index: Int32) {
        let entry = controls.at(index)
        guard entry.pointee.phase == .closing, entry.pointee.pending == 0,
            !entry.pointee.isTeller, !entry.pointee.isSender
        else { return }
        let descriptor = entry.pointee.descriptor
        guard !descriptor.isNone else { return controls.remove(index) }
        entry.pointee.descriptor = .none
        startControl(.closeControl, index, .close(descriptor))
    }
}
