import Reactor
import Wire

// The sending half: one send is under way at most, of a frame in the connection's own memory or of
// a buffer's. It goes on until the socket has all of it.
extension Transport where Ring: ~Copyable {
    /// Gives a frame its stream's number and its place among the frames of this direction.
    @inline(__always)
    public mutating func number(_ header: inout FrameHeader, _ index: Int32) {
        let connection = connections.at(index)
        header.stream = connection.pointee.streamNumber
        header.sequence = connection.pointee.sequence
        connection.pointee.sequence &+= 1
    }

    /// Makes a frame in the connection's own memory, to be sent by `sendFrame`.
    public mutating func fill(
        _ index: Int32, _ header: FrameHeader, _ payload: UnsafeRawBufferPointer
    ) {
        let connection = connections.at(index)
        precondition(!connection.pointee.isSending, "a frame is not changed under the kernel")
        let start = memory(of: index) + connection.pointee.memory.sentOffset
        let length = FrameHeader.byteCount + payload.count
        precondition(
            length <= connection.pointee.memory.sentBytes,
            "a control frame fits its connection's memory")
        var header = header
        header.payloadLength = UInt32(payload.count)
        header.encode(into: start)
        if connection.pointee.peerVersion != FrameHeader.version {
            FrameHeader.setVersion(connection.pointee.peerVersion, of: start)
        }
        if let base = payload.baseAddress {
            (start + FrameHeader.byteCount).copyMemory(from: base, byteCount: payload.count)
        }
        connection.pointee.filled = length
    }

    /// Sends the frame that `fill` made; `sent` or `notSent` follows.
    public mutating func sendFrame(_ index: Int32, kind: UInt8) {
        let start = memory(of: index) + connections.at(index).pointee.memory.sentOffset
        send(index, kind: kind, start, count: connections.at(index).pointee.filled)
        if let progressTimeout { awaitSending(index, within: progressTimeout) }
    }

    /// Sends bytes that stay where they are until `sent` or `notSent`.
    public mutating func send(
        _ index: Int32, kind: UInt8, _ start: UnsafeMutableRawPointer, count: Int
    ) {
        begin(index, kind, Transfer(start: start, count: count))
        sendMore(index)
    }

    /// Sends from a buffer, of which the transport takes one hold over. Without a copy where that
    /// pays: such a send holds the buffer once more, until its notification.
    /// - Parameter isPartOfFrame: more bytes of the frame follow from somewhere else.
    public mutating func sendPayload(
        _ index: Int32, kind: UInt8, buffer: Int32, _ start: UnsafeMutableRawPointer, count: Int,
        isPartOfFrame: Bool = false, mayZeroCopy: Bool = true, _ buffers: inout BufferPool
    ) {
        begin(index, kind, Transfer(start: start, count: count, buffer: buffer))
        connections.at(index).pointee.isPartOfFrame = isPartOfFrame
        connections.at(index).pointee.mayZeroCopy = mayZeroCopy
        sendMorePayload(index, &buffers)
    }

    /// Asks for what the socket has not taken of the current send: `notSent` says how much it has,
    /// or `sent` that it has all.
    public mutating func recallSend(_ index: Int32) {
        connections.at(index).pointee.isRecalled = true
        reactor.cancel(connections.at(index).pointee.sendToken)
    }

    @inline(__always)
    private mutating func begin(_ index: Int32, _ kind: UInt8, _ transfer: Transfer) {
        let connection = connections.at(index)
        precondition(!connection.pointee.isSending, "one thing is sent at a time")
        precondition(ConnectionOperation.sendKinds.contains(kind), "a send has a kind of its own")
        connection.pointee.isSending = true
        connection.pointee.isRecalled = false
        connection.pointee.isPartOfFrame = false
        connection.pointee.sendKind = kind
        connection.pointee.send = transfer
    }

    private mutating func sendMore(_ index: Int32) {
        let connection = connections.at(index)
        let transfer = connection.pointee.send
        connection.pointee.sendToken = start(
            connection.pointee.sendKind, index, buffer: transfer.buffer,
            .send(
                connection.pointee.descriptor, transfer.rest, count: transfer.left,
                more: connection.pointee.isPartOfFrame))
    }

    private mutating func sendMorePayload(_ index: Int32, _ buffers: inout BufferPool) {
        let connection = connections.at(index)
        let transfer = connection.pointee.send
        guard connection.pointee.mayZeroCopy,
            connection.pointee.taken >= connection.pointee.provenBytes,
            connection.pointee.zeroCopy.takes(bytes: transfer.left)
        else { return sendMore(index) }
        buffers.hold(transfer.buffer)
        connection.pointee.unnotified += 1
        counters.zeroCopySends &+= 1
        connection.pointee.sendToken = start(
            connection.pointee.sendKind, index, buffer: transfer.buffer, argument: 1,
            .sendZeroCopy(
                connection.pointee.descriptor, transfer.rest, count: transfer.left,
                registered: true))
    }

    mutating func sent(
        _ index: Int32, _ event: Event, _ buffers: inout BufferPool
    ) -> ConnectionNews {
        let connection = connections.at(index)
        let buffer = event.operation.buffer
        guard !event.completion.isNotification else { return notified(index, event) }
        if !event.completion.hasMore, event.operation.argument != 0 {
            // It failed before it began, and gets no notification.
            connection.pointee.unnotified -= 1
            let isLast = buffers.release(buffer)
            precondition(!isLast, "a send's own hold is still there")
        }
        let isLive = event.completion.hasMore ? connection.pointee.life == .open : settle(index)
        guard isLive else { return buffer >= 0 ? .letGo(buffer: buffer) : .none }
        let before = connection.pointee.send.done
        let step = connection.pointee.send.take(event.outcome)
        let bytes = connection.pointee.send.done
        connection.pointee.taken &+= UInt64(bytes - before)
        switch step {
        case .more where !connection.pointee.isRecalled,
            .ended where !connection.pointee.isRecalled:
            if buffer >= 0 { sendMorePayload(index, &buffers) } else { sendMore(index) }
            return .none
        case .whole:
            finishSend(index)
            return .sent(bytes: bytes, buffer: buffer)
        case .more, .ended:
            finishSend(index)
            return .notSent(0, bytes: bytes, buffer: buffer)
        case .failed(let number):
            finishSend(index)
            return .notSent(number, bytes: bytes, buffer: buffer)
        }
    }

    @inline(__always)
    private mutating func finishSend(_ index: Int32) {
        connections.at(index).pointee.isSending = false
        connections.at(index).pointee.sendToken = .nobody
        restSending(index)
    }

    /// The kernel has let go of a zero-copy send's memory.
    private mutating func notified(_ index: Int32, _ event: Event) -> ConnectionNews {
        let isCopied = event.completion.wasCopied
        if isCopied { counters.zeroCopySendsCopied &+= 1 }
        connections.at(index).pointee.zeroCopy.heard(copied: isCopied)
        connections.at(index).pointee.unnotified -= 1
        _ = settle(index)
        return .letGo(buffer: event.operation.buffer)
    }
}
