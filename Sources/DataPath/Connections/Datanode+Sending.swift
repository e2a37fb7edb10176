import Reactor
import Wire

// What leaves on a connection: payload from the buffer it lies in, and control frames from the
// connection's own memory. A completion goes on with the rest, and then to the room that sent.
extension Datanode where Ring: ~Copyable {
    // MARK: Payload

    /// Sends from a payload buffer, without a copy where that pays. A zero-copy send holds the
    /// buffer once more, until its notification.
    mutating func sendPayload(
        _ index: Int32, buffer: Int32, _ memory: UnsafeRawPointer, count: Int
    ) {
        let connection = connections.at(index)
        let descriptor = connection.pointee.descriptor
        let kind = connection.pointee.role == .inbound ? OperationKind.sendFrame : .forwardFrame
        let isProven =
            connection.pointee.role == .outbound || connection.pointee.taken >= Budget.provenBytes
        guard isProven, connection.pointee.zeroCopy.takes(bytes: count) else {
            return start(
                kind, connection: index, buffer: buffer,
                .send(descriptor, memory, count: count, more: false))
        }
        payloads.hold(buffer)
        connection.pointee.unnotified += 1
        counters.zeroCopySends &+= 1
        start(
            kind, connection: index, buffer: buffer, isZeroCopy: true,
            .sendZeroCopy(descriptor, memory, count: count, registered: true))
    }

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
        if event.completion.hasMore { return connections.at(index).pointee.life != .closing }
        if event.operation.argument != 0 {
            connections.at(index).pointee.unnotified -= 1
            restIfSettled(index)
            releasePayload(event.operation.buffer)
        }
        return settle(index)
    }

    /// The kernel has let go of a zero-copy send's memory.
    private mutating func notified(_ index: Int32, _ event: Event) {
        let copied = event.completion.wasCopied
        if copied { counters.zeroCopySendsCopied &+= 1 }
        connections.at(index).pointee.zeroCopy.heard(copied: copied)
        connections.at(index).pointee.unnotified -= 1
        restIfSettled(index)
        releasePayload(event.operation.buffer)
        _ = settle(index)
    }

    // MARK: Control frames

    /// Sends one frame from the connection's own memory.
    mutating func send(_ index: Int32, _ header: FrameHeader, payload: [UInt8]) {
        payload.withUnsafeBytes { fillControlFrame(index, header, $0) }
        let isAnswer = connections.at(index).pointee.role == .inbound
        sendControlFrame(index, isAnswer ? .sendControl : .forwardSeal)
    }

    mutating func fillControlFrame(
        _ index: Int32, _ header: FrameHeader, _ payload: UnsafeRawBufferPointer
    ) {
        let connection = connections.at(index)
        let memory = self.memory(of: index) + connection.pointee.controlOffset
        let length = FrameHeader.byteCount + payload.count
        precondition(
            length <= connection.pointee.controlBytes,
            "a control frame fits its connection's memory")
        var header = header
        header.payloadLength = UInt32(payload.count)
        header.encode(into: memory)
        if connection.pointee.peerVersion != FrameHeader.version {
            FrameHeader.setVersion(connection.pointee.peerVersion, of: memory)
        }
        if let base = payload.baseAddress {
            (memory + FrameHeader.byteCount).copyMemory(from: base, byteCount: payload.count)
        }
        connection.pointee.controlLength = length
    }

    /// Sends the frame that `fillControlFrame` made.
    mutating func sendControlFrame(_ index: Int32, _ kind: OperationKind) {
        let connection = connections.at(index)
        connection.pointee.isSendingControl = true
        connection.pointee.controlSent = 0
        armSendDeadline(index, settings.progressTimeout)
        sendMoreControl(index, kind)
    }

    private mutating func sendMoreControl(_ index: Int32, _ kind: OperationKind) {
        let connection = connections.at(index)
        let sent = connection.pointee.controlSent
        start(
            kind, connection: index,
            .send(
                connection.pointee.descriptor,
                memory(of: index) + connection.pointee.controlOffset + sent,
                count: connection.pointee.controlLength - sent, more: false))
    }

    mutating func sentControl(_ index: Int32, _ kind: OperationKind, _ outcome: Outcome) {
        guard settle(index) else { return }
        let connection = connections.at(index)
        switch outcome {
        case .done(let count):
            connection.pointee.controlSent += Int(count)
            guard connection.pointee.controlSent == connection.pointee.controlLength else {
                return sendMoreControl(index, kind)
            }
        case .again: return sendMoreControl(index, kind)
        case .cancelled, .disconnected, .full, .failed: return peerEnded(index)
        }
        clearSendDeadline(index)
        connection.pointee.isSendingControl = false
        controlSent(index)
    }
}
