import Reactor
import Wire

// The sending half: one send is under way at most, of a frame in the connection's own memory or of
// a buffer's. It goes on until the socket has all of it.
extension Transport where Ring: ~Copyable {
    /// Gives a frame its stream's number and its place among the frames of this direction.
    @inlinable
    @inline(__always)
    public mutating func number(_ header: inout FrameHeader, _ index: ConnectionIndex) {
        let link = links.at(index)
        header.stream = link.pointee.streamNumber
        header.sequence = link.pointee.sequence
        link.pointee.sequence &+= 1
    }

    /// Makes a frame in the connection's own memory, to be sent by `sendFrame`.
    @inlinable
    public mutating func fill(
        _ index: ConnectionIndex, _ header: FrameHeader, _ payload: UnsafeRawBufferPointer
    ) {
        let link = links.at(index)
        precondition(!link.pointee.isSending, "a frame is not changed under the kernel")
        let start = memory(of: index) + link.pointee.memory.sentOffset
        let length = FrameHeader.byteCount + payload.count
        precondition(
            length <= link.pointee.memory.sentBytes,
            "a control frame fits its connection's memory")
        var header = header
        header.payloadLength = UInt32(payload.count)
        header.encode(into: start)
        if link.pointee.peerVersion != FrameHeader.version {
            FrameHeader.setVersion(link.pointee.peerVersion, of: start)
        }
        if let base = payload.baseAddress {
            (start + FrameHeader.byteCount).copyMemory(from: base, byteCount: payload.count)
        }
        link.pointee.filled = length
    }

    /// Sends the frame that `fill` made; `sent` or `notSent` follows.
    @inlinable
    public mutating func sendFrame(_ index: ConnectionIndex, kind: UInt8) {
        let start = memory(of: index) + links.at(index).pointee.memory.sentOffset
        send(index, kind: kind, start, count: links.at(index).pointee.filled)
        if let progressTimeout { awaitSending(index, within: progressTimeout) }
    }

    /// Sends bytes that stay where they are until `sent` or `notSent`.
    @inlinable
    public mutating func send(
        _ index: ConnectionIndex, kind: UInt8, _ start: UnsafeMutableRawPointer, count: Int
    ) {
        begin(index, kind, Transfer(start, count: count))
        sendMore(index)
    }

    /// Sends from a buffer, of which the transport takes one hold over. Without a copy where that
    /// pays: such a send holds the buffer once more, until its notification.
    /// - Parameter isPartOfFrame: more bytes of the frame follow from somewhere else.
    @inlinable
    public mutating func sendPayload(
        _ index: ConnectionIndex, kind: UInt8, buffer: BufferIndex,
        _ start: UnsafeMutableRawPointer, count: Int,
        isPartOfFrame: Bool = false, mayZeroCopy: Bool = true, _ buffers: inout BufferPool
    ) {
        begin(index, kind, Transfer(start, count: count, buffer: buffer))
        links.at(index).pointee.isPartOfFrame = isPartOfFrame
        links.at(index).pointee.mayZeroCopy = mayZeroCopy
        sendMorePayload(index, &buffers)
    }

    /// Asks for what the socket has not taken of the current send: `notSent` says how much it has,
    /// or `sent` that it has all.
    public mutating func recallSend(_ index: ConnectionIndex) {
        links.at(index).pointee.isRecalled = true
        reactor.cancel(links.at(index).pointee.sendToken)
    }

    @inlinable
    @inline(__always)
    mutating func begin(_ index: ConnectionIndex, _ kind: UInt8, _ transfer: Transfer) {
        let link = links.at(index)
        precondition(!link.pointee.isSending, "one thing is sent at a time")
        precondition(ConnectionOperation.sendKinds.contains(kind), "a send has a kind of its own")
        link.pointee.isSending = true
        link.pointee.isRecalled = false
        link.pointee.isPartOfFrame = false
        link.pointee.sendKind = kind
        link.pointee.send = transfer
    }

    @inlinable
    mutating func sendMore(_ index: ConnectionIndex) {
        let link = links.at(index)
        let transfer = link.pointee.send
        link.pointee.sendToken = start(
            link.pointee.sendKind, index, buffer: transfer.buffer,
            .send(
                link.pointee.descriptor, transfer.rest, count: transfer.left,
                more: link.pointee.isPartOfFrame))
    }

    @inlinable
    mutating func sendMorePayload(_ index: ConnectionIndex, _ buffers: inout BufferPool) {
        let link = links.at(index)
        let transfer = link.pointee.send
        guard link.pointee.mayZeroCopy, let buffer = transfer.buffer,
            link.pointee.taken >= link.pointee.provenBytes,
            link.pointee.zeroCopy.takes(bytes: transfer.left)
        else { return sendMore(index) }
        buffers.hold(buffer)
        link.pointee.unnotified += 1
        countZeroCopy()
        link.pointee.sendToken = start(
            link.pointee.sendKind, index, buffer: transfer.buffer, argument: 1,
            .sendZeroCopy(
                link.pointee.descriptor, transfer.rest, count: transfer.left,
                registered: true))
    }

    @inlinable
    mutating func sent(
        _ index: ConnectionIndex, _ event: Event, _ buffers: inout BufferPool
    ) -> ConnectionNews {
        let link = links.at(index)
        let buffer = event.operation.buffer
        guard !event.completion.isNotification else { return notified(index, event) }
        if !event.completion.hasMore, event.operation.argument != 0, let buffer {
            // A zero-copy send that failed before it began gets no notification.
            link.pointee.unnotified -= 1
            let isLast = buffers.release(buffer)
            precondition(!isLast, "a send's own hold is still there")
        }
        let isLive = event.completion.hasMore ? link.pointee.life == .open : settle(index)
        guard isLive else { return letGo(buffer) }
        let before = link.pointee.send.done
        let step = link.pointee.send.take(event.outcome)
        let bytes = link.pointee.send.done
        link.pointee.taken &+= UInt64(bytes - before)
        switch step {
        case .more where !link.pointee.isRecalled,
            .ended where !link.pointee.isRecalled:
            if buffer != nil { sendMorePayload(index, &buffers) } else { sendMore(index) }
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

    @inlinable
    @inline(__always)
    mutating func finishSend(_ index: ConnectionIndex) {
        links.at(index).pointee.isSending = false
        links.at(index).pointee.sendToken = .nobody
        restSending(index)
    }

    @usableFromInline
    mutating func countZeroCopy() { counters.zeroCopySends &+= 1 }

    /// The kernel has let go of a zero-copy send's memory.
    @usableFromInline
    mutating func notified(_ index: ConnectionIndex, _ event: Event) -> ConnectionNews {
        let isCopied = event.completion.wasCopied
        if isCopied { counters.zeroCopySendsCopied &+= 1 }
        links.at(index).pointee.zeroCopy.heard(copied: isCopied)
        links.at(index).pointee.unnotified -= 1
        _ = settle(index)
        return letGo(event.operation.buffer)
    }
}
