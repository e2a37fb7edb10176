import Reactor
import Transport
import Wire

// What goes to the successor, and what it says.
extension Successors where Ring: ~Copyable {
    /// A frame is to be forwarded, with a hold of its own.
    @inline(__always)
    mutating func append(_ buffer: BufferIndex, to index: StreamIndex) {
        at(index).pointee.queue.append(buffer)
    }

    /// The seal goes to the successor once, after the last frame.
    mutating func appendSeal(to index: StreamIndex) {
        if has(index) { at(index).pointee.queue.appendSeal() }
    }

    /// Sends the first waiting frame, or a flush or the seal, when nothing is on its way.
    mutating func sendNext(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        let successor = at(index)
        guard let connection = successor.pointee.connection, successor.pointee.isOpen,
            !successor.pointee.queue.isSending, !core.transport.at(connection).isSending
        else { return }
        // A flush follows the bytes it is about, which the successor has or is being sent.
        if !successor.pointee.queue.isHeaderSent,
            let end = stream.flush.nextToForward(
                sent: max(successor.pointee.queue.forwarded, stream.join.behind.received))
        {
            var header = FrameHeader(.flush)
            header.length = end
            return send(header, connection, index, &stream, &core)
        }
        switch successor.pointee.queue.first {
        case nil: break
        case .seal:
            successor.pointee.queue.beginSeal()
            var header = FrameHeader(.seal)
            header.flags = FrameFlags(level: stream.seal.level)
            header.length = stream.seal.length
            header.checksum = stream.seal.checksum
            send(header, connection, index, &stream, &core)
        case .frame(let buffer):
            successor.pointee.queue.beginFrame()
            watch(index, &stream, &core)
            sendFrame(buffer, connection, index, &core)
        }
    }

    /// Sends a frame from the buffer it was received into. Header and payload of an unaligned one
    /// do not touch: two sends, a cost that only its writer pays.
    private mutating func sendFrame(
        _ buffer: BufferIndex, _ connection: ConnectionIndex, _ index: StreamIndex,
        _ core: inout Core<Ring>
    ) {
        let frame = core.buffers[buffer]
        guard !at(index).pointee.queue.isHeaderSent else {
            return core.transport.sendPayload(
                connection, kind: OperationKind.forwardFrame.rawValue, buffer: buffer,
                core.buffers.payload(frame.header, in: buffer),
                count: Int(frame.header.payloadLength), mayZeroCopy: false,
                &core.buffers.payloads)
        }
        let start = core.buffers.page(of: buffer) - FrameHeader.byteCount
        var header = frame.header
        header.flags = at(index).pointee.queue.hasMore ? .more : []
        core.transport.number(&header, connection)
        header.encode(into: start)
        core.transport.sendPayload(
            connection, kind: OperationKind.forwardFrame.rawValue, buffer: buffer, start,
            count: frame.isAligned ? header.frameBytes : FrameHeader.byteCount,
            isPartOfFrame: !frame.isAligned, mayZeroCopy: frame.isAligned,
            &core.buffers.payloads)
    }

    /// A flush or the seal.
    private mutating func send(
        _ request: FrameHeader, _ connection: ConnectionIndex, _ index: StreamIndex,
        _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        var header = request
        core.transport.number(&header, connection)
        header.block = stream.block
        header.epoch = stream.epoch
        watch(index, &stream, &core)
        core.send(.forwardRequest, connection, header)
    }

    /// A frame, or the header of an unaligned one, went to the successor.
    mutating func sent(
        _ buffer: BufferIndex, bytes: Int, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) {
        core.counters.bytesForwarded &+= UInt64(bytes)
        let successor = at(index)
        if core.buffers[buffer].isAligned || successor.pointee.queue.isHeaderSent {
            successor.pointee.queue.sentFrame(to: core.buffers[buffer].header.end)
            core.giveBack(buffer, of: &stream)
        } else {
            successor.pointee.queue.sentHeader()
        }
        watch(index, &stream, &core)
    }

    mutating func notSent(
        _ buffer: BufferIndex, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) -> Loss {
        at(index).pointee.queue.dropFrame()
        core.giveBack(buffer, of: &stream)
        return Loss(&stream, .nextHopFailed, "sending to the next node failed")
    }

    // MARK: What it says

    /// A header from the successor.
    mutating func hear(
        _ connection: ConnectionIndex, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) -> Heard {
        let link = core.transport.at(connection)
        let header = link.header
        guard header.stream == link.streamNumber else {
            return .lost(
                Loss(&stream, .nextHopFailed, "the next node answers stream \(header.stream)"))
        }
        let isProven = at(index).pointee.proof?.believes(header) ?? false
        switch header.operation {
        case .ack:
            guard isProven else { return .lost(.unproven(&stream)) }
            return hear(header.progress, index, &stream, &core)
        case .sealed, .error:
            guard header.payloadLength <= ConnectionMemory.answerBytes else {
                return .lost(
                    Loss(&stream, .nextHopFailed, "the next node's answer is too long"))
            }
            return .answer
        case .write, .data, .seal, .read, .flush:
            return .lost(
                Loss(&stream, .nextHopFailed, "the next node sent what only a writer sends"))
        }
    }

    private mutating func hear(
        _ progress: Progress, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) -> Heard {
        // What it held before the writer came back counts as forwarded too: it can have come only
        // through this node.
        guard stream.join.accept(progress, limit: stream.hwm) else {
            return .lost(
                Loss(&stream, .nextHopFailed, "the next node's ack is against the rules"))
        }
        rewatch(index, &stream, &core)
        return .progress
    }

    /// A `sealed` or `error` payload is whole.
    mutating func hearAnswer(
        _ connection: ConnectionIndex, _ index: StreamIndex, _ stream: inout WriteStream,
        _ core: inout Core<Ring>
    ) -> Heard {
        let header = core.transport.at(connection).header
        let isProven = at(index).pointee.proof?.isGiven ?? false
        let bytes = UnsafeRawBufferPointer(
            start: core.transport.bodyMemory(of: connection), count: Int(header.payloadLength))
        if header.operation == .error {
            let report =
                ErrorReport(decoding: bytes)
                ?? ErrorReport(node: core.identity.node, text: header.status.explanation)
            guard isProven else {
                // It may be anybody, and is heard for itself alone.
                return .lost(
                    Loss(
                        &stream, header.status.withoutProof,
                        "it says, without a proof: \(report.text)"))
            }
            return .lost(Loss(header.status, report))
        }
        guard isProven else { return .lost(.unproven(&stream)) }
        guard stream.seal.isAccepted, header.length == stream.seal.length,
            header.checksum == stream.seal.checksum
        else {
            return .lost(Loss(&stream, .nextHopFailed, "the next node sealed something else"))
        }
        let level: Level
        do throws(ReceiptDefect) {
            level = try levelOfChain(Array(bytes), &stream, &core)
        } catch {
            return .lost(Loss(&stream, .unproven, error.description))
        }
        let heard = hear(header.progress, index, &stream, &core)
        if case .progress = heard { stream.seal.behind = level }
        return heard
    }

    /// Judges the successor's receipt by what it was asked for.
    private mutating func levelOfChain(
        _ receipt: [UInt8], _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) throws(ReceiptDefect) -> Level {
        guard let keys = core.keys else { throw .unknownKey }
        let wanted = ReceiptCheck(
            cluster: core.identity.cluster, block: stream.block, epoch: stream.epoch,
            length: stream.seal.length, checksum: stream.seal.checksum, level: stream.seal.level,
            position: stream.position + 1)
        return try wanted.judge(receipt, keys: keys)
    }
}
