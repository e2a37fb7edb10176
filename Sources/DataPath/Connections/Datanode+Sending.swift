import Reactor
import Wire

// What leaves on a connection: payload from the buffer it lies in, and control frames from the
// connection's own memory. A completion goes on with the rest, and then to the room that sent.
extension Datanode where Ring: ~Copyable {
    // MARK: Payload

    /// Part or all of a payload frame went out. `false`: there is nothing more to do about it.
    mutating func settlePayload(_ index: Int32, _ event: Event) -> Bool {
        guard !event.completion.isNotification else {
            notified(index, event)
            return false
        }
        guard settleSend(index, event) else {
            releasePayload(event.operation.buffer)
            return false
        }
        return true
    }

    /// A send's result. A zero-copy send stays pending until its notification; one that gets none
    /// (it failed before it began) gives its hold back now. `false`: as for `settle`.
    private mutating func settleSend(_ index: Int32, _ event: Event) -> Bool {
        if event.completion.hasMore { return core.connections.at(index).pointee.life != .closing }
        if event.operation.argument != 0 {
            core.connections.at(index).pointee.unnotified -= 1
            core.restIfSettled(index)
            releasePayload(event.operation.buffer)
        }
        return core.settle(index)
    }

    /// The kernel has let go of a zero-copy send's memory.
    private mutating func notified(_ index: Int32, _ event: Event) {
        let copied = event.completion.wasCopied
        if copied { core.counters.zeroCopySendsCopied &+= 1 }
        core.connections.at(index).pointee.zeroCopy.heard(copied: copied)
        core.connections.at(index).pointee.unnotified -= 1
        core.restIfSettled(index)
        releasePayload(event.operation.buffer)
        _ = core.settle(index)
    }

    // MARK: Control frames

    mutating func sentControl(_ index: Int32, _ kind: OperationKind, _ outcome: Outcome) {
        guard core.settle(index) else { return }
        let connection = core.connections.at(index)
        switch outcome {
        case .done(let count):
            connection.pointee.controlSent += Int(count)
            guard connection.pointee.controlSent == connection.pointee.controlLength else {
                return core.sendMoreControl(index, kind)
            }
        case .again: return core.sendMoreControl(index, kind)
        case .cancelled, .disconnected, .full, .failed: return peerEnded(index)
        }
        core.clear(.send(index))
        connection.pointee.isSendingControl = false
        controlSent(index)
    }
}
