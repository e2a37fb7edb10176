import Reactor
import Transport
import Wire

// Step 3 of the write path: every data frame finds its place, or is refused, by `FrameVerdict`.
extension Datanode where Ring: ~Copyable {
    /// A whole data frame. The buffer's one hold is the receiver's, and is passed on or given back
    /// here.
    mutating func place(_ index: ConnectionIndex, _ header: FrameHeader, _ buffer: BufferIndex) {
        let stream = core.transport.at(index).role.stream
        // Its stream was answered while it arrived.
        guard stream >= 0 else { return releasePayload(buffer) }
        guard writes.hasGoodPieces(header, buffer, &core) else {
            return refuse(index, buffer, .badPayloadChecksum)
        }
        guard !core.isFenced else { return refuse(index, buffer, .fenced) }
        switch writes.verdict(on: header, in: stream, &core) {
        case .advance:
            writes.advance(stream, buffer, &core)
            proceed(stream)
        case .hold:
            if let status = writes.hold(stream, buffer, &core) { refuse(index, buffer, status) }
        case .duplicate: compareDuplicate(index, stream, buffer)
        case .refuse(let status): refuse(index, buffer, status)
        }
    }

    /// Gives a frame's buffer back, and fails its stream if the status says so.
    private mutating func refuse(_ index: ConnectionIndex, _ buffer: BufferIndex, _ status: Status)
    {
        releasePayload(buffer)
        if status != .ok { fail(index, status) }
    }

    // MARK: Duplicates

    /// A frame below the HWM is acked again when it brings the bytes that are there, and fails the
    /// stream when not.
    private mutating func compareDuplicate(
        _ index: ConnectionIndex, _ stream: StreamIndex, _ buffer: BufferIndex
    ) {
        switch writes.compare(stream, buffer, &core) {
        case .same:
            duplicateConfirmed(stream, buffer)
            proceed(stream)
        case .different: refuse(index, buffer, .conflict)
        case .unknown:
            core.transport.at(index).role.waiting = .answer
            proceed(stream)
        }
    }

    /// The successor may lack what this node has: a duplicate travels on.
    private mutating func duplicateConfirmed(_ stream: StreamIndex, _ buffer: BufferIndex) {
        let entry = writes.at(stream)
        entry.pointee.join.owe()
        if entry.pointee.successor != .none {
            entry.pointee.forwards.append(buffer)
        } else {
            releasePayload(buffer)
        }
    }

    mutating func compareOnDevice(_ stream: StreamIndex) {
        if let status = writes.compareOnDevice(stream, &core) { compared(stream, status) }
    }

    mutating func readBack(_ stream: StreamIndex, _ event: Event) {
        switch writes.readBack(stream, event, &core) {
        case .goesOn: break
        case .stale(let isLive): isLive ? proceed(stream) : endIfSettled(stream)
        case .compared(let status): compared(stream, status)
        }
    }

    private mutating func compared(_ stream: StreamIndex, _ status: Status) {
        guard let buffer = writes.takeComparing(stream) else {
            preconditionFailure("what was compared is there")
        }
        let upstream = writes.at(stream).pointee.upstream
        if status == .ok {
            duplicateConfirmed(stream, buffer)
            proceed(stream)
            if upstream >= 0 { resumeAfterComparison(upstream) }
            return
        }
        releasePayload(buffer)
        if status == .corrupt { return failCorrupt(stream: stream, .tooShort) }
        if upstream >= 0 { fail(upstream, status) }
    }

    private mutating func resumeAfterComparison(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        guard connection.isOpen, connection.role.waiting == .answer else { return }
        connection.role.waiting = .nothing
        continueReceiving(index)
    }
}
