import Reactor
import Wire

// What leaves on a connection: payload from the buffer it lies in, and control frames from the
// connection's own memory.
extension Core where Ring: ~Copyable {
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
        buffers.hold(buffer)
        connection.pointee.unnotified += 1
        counters.zeroCopySends &+= 1
        start(
            kind, connection: index, buffer: buffer, isZeroCopy: true,
            .sendZeroCopy(descriptor, memory, count: count, registered: true))
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
        let memory = connections.memory(of: index) + connection.pointee.controlOffset
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
        arm(.send(index), in: settings.progressTimeout)
        sendMoreControl(index, kind)
    }

    mutating func sendMoreControl(_ index: Int32, _ kind: OperationKind) {
        let connection = connections.at(index)
        let sent = connection.pointee.controlSent
        start(
            kind, connection: index,
            .send(
                connection.pointee.descriptor,
                connections.memory(of: index) + connection.pointee.controlOffset + sent,
                count: connection.pointee.controlLength - sent, more: false))
    }
}
