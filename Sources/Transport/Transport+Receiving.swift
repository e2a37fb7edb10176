import Reactor
import Wire

// The receiving half: one receive at most is in flight. A body and the next frame's header are
// taken in one receive when the sender promised that it comes at once.
extension Transport where Ring: ~Copyable {
    /// Asks for the next frame's header, within `span` nanoseconds if that is given.
    /// - Returns: news when it is here already, `none` when they follow.
    @inlinable
    public mutating func receiveHeader(
        _ index: ConnectionIndex, within span: UInt64? = nil
    ) -> ConnectionNews {
        let link = links.at(index)
        precondition(link.pointee.canReceive, "one thing is received at a time")
        guard !link.pointee.hasNextHeader else { return headerComplete(index) }
        begin(.header, index, memory(of: index), FrameHeader.byteCount)
        if let span { awaitReceiving(index, within: span) }
        return .none
    }

    /// Asks for the last header's body, and what it promised behind, in a buffer's memory;
    /// `payload` follows. The transport has the receiver's hold until then.
    @inlinable
    public mutating func receivePayload(
        _ index: ConnectionIndex, buffer: BufferIndex, at start: UnsafeMutableRawPointer
    ) {
        let count = links.at(index).pointee.header.bodyBytes
        begin(.body, index, start, count, buffer: buffer)
        awaitProgress(index)
    }

    /// The same in the connection's own memory; `body` follows.
    @inlinable
    public mutating func receiveBody(_ index: ConnectionIndex) {
        let count = links.at(index).pointee.header.bodyBytes
        begin(.body, index, bodyMemory(of: index), count)
        awaitProgress(index)
    }

    /// The same without a header behind it, for answers: these promise none.
    /// - Returns: `body` when there are no bytes to wait for.
    @inlinable
    public mutating func receiveAnswer(_ index: ConnectionIndex) -> ConnectionNews {
        let count = Int(links.at(index).pointee.header.payloadLength)
        guard count > 0 else { return .body }
        begin(.body, index, bodyMemory(of: index), count)
        awaitProgress(index)
        return .none
    }

    /// Asks for at most `count` bytes, whatever they are; `bytes` follows.
    @inlinable
    public mutating func receiveBytes(
        _ index: ConnectionIndex, at start: UnsafeMutableRawPointer, count: Int
    ) {
        begin(.bytes, index, start, count)
    }

    /// A frame whose body came some other way, as if it had been received here.
    public mutating func take(_ header: FrameHeader, body: [UInt8], _ index: ConnectionIndex) {
        let link = links.at(index)
        precondition(body.count <= link.pointee.memory.receivedBytes, "a body fits")
        link.pointee.header = header
        let start = bodyMemory(of: index)
        body.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            start.copyMemory(from: base, byteCount: bytes.count)
        }
        takeNextHeader(index, behind: start, body.count)
    }

    @inlinable
    @inline(__always)
    mutating func begin(
        _ receiving: Link.Receiving, _ index: ConnectionIndex, _ start: UnsafeMutableRawPointer,
        _ count: Int, buffer: BufferIndex? = nil
    ) {
        let link = links.at(index)
        precondition(link.pointee.canReceive, "one thing is received at a time")
        link.pointee.receiving = receiving
        link.pointee.receive = Transfer(start, count: count, buffer: buffer)
        receiveMore(index)
    }

    @inlinable
    mutating func receiveMore(_ index: ConnectionIndex) {
        let link = links.at(index)
        let transfer = link.pointee.receive
        let operation: ConnectionOperation =
            switch link.pointee.receiving {
            case .header: .receiveHeader
            case .body: .receiveBody
            case .bytes: .receiveBytes
            case .nothing, .dropping: preconditionFailure("something is being received")
            }
        link.pointee.receiveToken = start(
            operation.rawValue, index, buffer: transfer.buffer,
            .receive(
                link.pointee.descriptor, transfer.rest, count: transfer.left,
                waitAll: link.pointee.receiving == .body))
    }

    @inlinable
    mutating func awaitProgress(_ index: ConnectionIndex) {
        guard let progressTimeout else { return }
        awaitReceiving(index, within: progressTimeout)
    }

    @inlinable
    mutating func received(_ index: ConnectionIndex, _ event: Event) -> ConnectionNews {
        let link = links.at(index)
        let buffer = event.operation.buffer
        link.pointee.receiveToken = .nobody
        guard settle(index), link.pointee.receiving != .dropping else {
            discard(index)
            return letGo(buffer)
        }
        let before = link.pointee.receive.done
        let step = link.pointee.receive.take(event.outcome)
        switch step {
        case .more, .whole:
            let done = link.pointee.receive.done
            if link.pointee.receiving == .bytes, done > 0 {
                link.pointee.receiving = .nothing
                return .bytes(done)
            }
            guard step == .more else { return receivedWhole(index) }
            // A frame that has begun has its own deadline, which more bytes do not move.
            if link.pointee.receiving == .header, before == 0, done > 0 {
                awaitProgress(index)
            }
            receiveMore(index)
            return .none
        case .ended: return ended(index, 0, before > 0)
        case .failed(let number): return ended(index, number, false)
        }
    }

    @usableFromInline
    mutating func ended(
        _ index: ConnectionIndex, _ number: Int32, _ hasBegun: Bool
    ) -> ConnectionNews {
        let link = links.at(index)
        let isBody = link.pointee.receiving == .body
        link.pointee.receiving = .nothing
        return .ended(
            number, isInside: number == 0 && (isBody || hasBegun),
            buffer: link.pointee.receive.buffer)
    }

    @inlinable
    mutating func receivedWhole(_ index: ConnectionIndex) -> ConnectionNews {
        let link = links.at(index)
        let transfer = link.pointee.receive
        guard link.pointee.receiving == .body else { return headerComplete(index) }
        link.pointee.receiving = .nothing
        restReceiving(index)
        takeNextHeader(index, behind: transfer.start.unsafelyUnwrapped, transfer.count)
        return if let buffer = transfer.buffer { .payload(buffer: buffer) } else { .body }
    }

    /// The header that came behind a body goes to where every header is parsed.
    @inlinable
    mutating func takeNextHeader(
        _ index: ConnectionIndex, behind start: UnsafeMutableRawPointer, _ count: Int
    ) {
        let length = Int(links.at(index).pointee.header.payloadLength)
        guard count > length else { return }
        memory(of: index).copyMemory(from: start + length, byteCount: FrameHeader.byteCount)
        links.at(index).pointee.hasNextHeader = true
    }

    /// The 128 bytes in the connection's memory are a header.
    @inlinable
    mutating func headerComplete(_ index: ConnectionIndex) -> ConnectionNews {
        let link = links.at(index)
        link.pointee.receiving = .nothing
        link.pointee.hasNextHeader = false
        restReceiving(index)
        let start = memory(of: index)
        do throws(FrameHeader.Malformed) {
            link.pointee.header = try FrameHeader(decoding: start)
        } catch {
            if error.status == .badVersion {
                link.pointee.peerVersion = start.load(fromByteOffset: 4, as: UInt8.self)
            }
            return .badHeader(error.status)
        }
        return .header
    }
}
