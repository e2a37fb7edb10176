import Reactor
import Transport
import Wire

// Step 5 of the write path: the next node gets each frame from the buffer it was received into,
// while the device writes it.
extension Datanode where Ring: ~Copyable {
    /// Asks the chain behind for what is received whole: a flush's prefix, and the seal behind the
    /// last frame.
    mutating func askChain(_ stream: StreamIndex) {
        guard writes.live(stream) != nil else { return }
        writes.at(stream).pointee.takeReachedFlush()
        forwardWholeSeal(stream)
    }

    /// Sends the first waiting frame, or the seal, when nothing is on its way.
    mutating func forward(_ stream: StreamIndex) {
        guard let entry = writes.live(stream), entry.pointee.successor == .open,
            !entry.pointee.forwards.isSending
        else { return }
        let index = entry.pointee.downstream
        guard !core.transport.at(index).isSending else { return }
        if !entry.pointee.forwards.isHeaderSent, let end = nextFlush(stream) {
            return forwardFlush(index, stream, end)
        }
        guard !entry.pointee.forwards.isEmpty else { return }
        let buffer = entry.pointee.forwards.first
        guard buffer != ForwardQueue.seal else { return forwardSeal(index, stream) }
        entry.pointee.forwards.isSending = true
        watch(stream)
        forwardFrame(index, stream, buffer)
    }

    /// Sends a frame from the buffer it was received into. Header and payload of an unaligned one
    /// do not touch: two sends, a cost that only its writer pays.
    private mutating func forwardFrame(
        _ index: ConnectionIndex, _ stream: StreamIndex, _ buffer: BufferIndex
    ) {
        let entry = writes.at(stream)
        let frame = core.buffers[buffer]
        guard !entry.pointee.forwards.isHeaderSent else {
            return core.transport.sendPayload(
                index, kind: OperationKind.forwardFrame.rawValue, buffer: buffer,
                core.buffers.payload(frame.header, in: buffer),
                count: Int(frame.header.payloadLength), mayZeroCopy: false,
                &core.buffers.payloads)
        }
        let start = core.buffers.page(of: buffer) - FrameHeader.byteCount
        var header = frame.header
        header.flags = entry.pointee.forwards.hasMore ? .more : []
        core.transport.number(&header, index)
        header.encode(into: start)
        core.transport.sendPayload(
            index, kind: OperationKind.forwardFrame.rawValue, buffer: buffer, start,
            count: frame.isAligned ? header.frameBytes : FrameHeader.byteCount,
            isPartOfFrame: !frame.isAligned, mayZeroCopy: frame.isAligned,
            &core.buffers.payloads)
    }

    private mutating func forwardSeal(_ index: ConnectionIndex, _ stream: StreamIndex) {
        let entry = writes.at(stream)
        _ = entry.pointee.forwards.popFirst()
        var header = FrameHeader(.seal)
        header.flags = FrameFlags(level: entry.pointee.seal.level)
        core.transport.number(&header, index)
        header.block = entry.pointee.block
        header.epoch = entry.pointee.epoch
        header.length = entry.pointee.seal.length
        header.checksum = entry.pointee.seal.checksum
        watch(stream)
        core.send(.forwardSeal, index, header)
    }

    /// A flush follows the bytes it is about, which the next node has or is being sent.
    private mutating func nextFlush(_ stream: StreamIndex) -> UInt64? {
        let entry = writes.at(stream)
        return entry.pointee.flush.nextToForward(
            sent: max(entry.pointee.forwards.forwarded, entry.pointee.join.behind.received))
    }

    private mutating func forwardFlush(
        _ index: ConnectionIndex, _ stream: StreamIndex, _ end: UInt64
    ) {
        var header = FrameHeader(.flush)
        core.transport.number(&header, index)
        header.block = writes.at(stream).pointee.block
        header.epoch = writes.at(stream).pointee.epoch
        header.length = end
        watch(stream)
        core.send(.forwardSeal, index, header)
    }

    /// A frame, or the header of an unaligned one, went to the next node.
    mutating func forwarded(_ index: ConnectionIndex, bytes: Int, _ buffer: BufferIndex) {
        let stream = core.transport.at(index).role.stream
        guard stream >= 0 else { return releasePayload(buffer) }
        let entry = writes.at(stream)
        entry.pointee.forwards.isSending = false
        core.counters.bytesForwarded &+= UInt64(bytes)
        let frame = core.buffers[buffer]
        if frame.isAligned || entry.pointee.forwards.isHeaderSent {
            _ = entry.pointee.forwards.popFirst()
            entry.pointee.forwards.forwarded = max(
                entry.pointee.forwards.forwarded, frame.header.end)
            releasePayload(buffer)
        } else {
            entry.pointee.forwards.isHeaderSent = true
        }
        watch(stream)
        proceed(stream)
    }

    mutating func notForwarded(_ index: ConnectionIndex, _ buffer: BufferIndex) {
        let stream = core.transport.at(index).role.stream
        guard stream >= 0 else { return releasePayload(buffer) }
        let entry = writes.at(stream)
        entry.pointee.forwards.isSending = false
        _ = entry.pointee.forwards.popFirst()
        releasePayload(buffer)
        successorLost(stream, .nextHopFailed, "sending to the next node failed")
    }

    // MARK: What the successor says

    /// A header from the next node.
    mutating func heardFromSuccessor(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let stream = connection.role.stream
        guard stream >= 0 else { return close(index) }
        let header = connection.header
        guard header.stream == connection.streamNumber else {
            return successorLost(
                stream, .nextHopFailed, "the next node answers stream \(header.stream)")
        }
        let isProven = writes.at(stream).pointee.successorProof?.believes(header) ?? false
        switch header.operation {
        case .ack:
            guard isProven else { return successorUnproven(stream) }
            guard heard(stream, header.progress) else { return }
            beginHeader(index)
            proceed(stream)
        case .sealed, .error:
            guard header.payloadLength <= ConnectionMemory.answerBytes else {
                return successorLost(stream, .nextHopFailed, "the next node's answer is too long")
            }
            heard(index, core.transport.receiveAnswer(index))
        case .write, .data, .seal, .read, .flush:
            successorLost(stream, .nextHopFailed, "the next node sent what only a writer sends")
        }
    }

    private mutating func heard(_ stream: StreamIndex, _ progress: Progress) -> Bool {
        let entry = writes.at(stream)
        // What it held from before this stream counts as forwarded too: it can have come only
        // through this node.
        guard entry.pointee.join.hear(progress, limit: entry.pointee.hwm) else {
            successorLost(stream, .nextHopFailed, "the next node's ack is against the rules")
            return false
        }
        rewatch(stream)
        return true
    }

    /// A `sealed` or `error` payload is whole.
    mutating func answered(_ index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let stream = connection.role.stream
        guard stream >= 0 else { return close(index) }
        let header = connection.header
        let entry = writes.at(stream)
        let isProven = entry.pointee.successorProof?.isGiven ?? false
        let bytes = UnsafeRawBufferPointer(
            start: core.transport.bodyMemory(of: index), count: Int(header.payloadLength))
        if header.operation == .error {
            let report =
                ErrorReport(decoding: bytes)
                ?? ErrorReport(node: core.identity.node, text: header.status.explanation)
            guard isProven else {
                // It may be anybody, and is heard for itself alone.
                return successorLost(
                    stream, header.status.withoutProof, "it says, without a proof: \(report.text)")
            }
            return successorLost(stream, header.status, report)
        }
        guard isProven else { return successorUnproven(stream) }
        guard entry.pointee.seal.isForwarded, header.length == entry.pointee.seal.length,
            header.checksum == entry.pointee.seal.checksum
        else { return successorLost(stream, .nextHopFailed, "the next node sealed something else") }
        let level: Level
        do throws(ReceiptDefect) { level = try receiptOfChain(stream, Array(bytes)) } catch {
            return successorLost(stream, .unproven, error.description)
        }
        guard heard(stream, header.progress) else { return }
        entry.pointee.seal.behind = level
        proceed(stream)
        continueReceiving(index)
    }

    /// Judges the next node's receipt by what it was asked for.
    private mutating func receiptOfChain(
        _ stream: StreamIndex, _ bytes: [UInt8]
    ) throws(ReceiptDefect) -> Level {
        let entry = writes.at(stream)
        guard let keys = core.keys else { throw .unknownKey }
        let wanted = ReceiptCheck(
            cluster: core.identity.cluster, block: entry.pointee.block, epoch: entry.pointee.epoch,
            length: entry.pointee.seal.length, checksum: entry.pointee.seal.checksum,
            level: entry.pointee.seal.level, position: entry.pointee.position + 1)
        return try wanted.judge(bytes, keys: keys)
    }

    // MARK: Losing it

    /// Who answers at the next node's address has not shown that it is that node.
    private mutating func successorUnproven(_ stream: StreamIndex) {
        successorLost(stream, .unproven, Status.unproven.explanation)
    }

    /// The stream's chain behind this node is gone: the writer is told why, and by whom.
    mutating func successorLost(_ stream: StreamIndex, _ status: Status, _ text: String) {
        let entry = writes.at(stream)
        let place = entry.pointee.position + 1
        let node = entry.pointee.chain.nodes[place]
        successorLost(
            stream, status, ErrorReport(node: node.node, text: "\(node.host):\(node.port): \(text)")
        )
    }

    mutating func successorLost(_ stream: StreamIndex, _ status: Status, _ report: ErrorReport) {
        let upstream = writes.at(stream).pointee.upstream
        dropSuccessor(stream)
        if upstream >= 0 { fail(upstream, status, report) }
    }

    /// Gives back the holds of frames that wait to be forwarded; one that is being sent comes back
    /// by itself.
    mutating func clearForwards(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        let isSending = entry.pointee.forwards.isSending
        var isFirst = true
        while let buffer = entry.pointee.forwards.popFirst() {
            if buffer != ForwardQueue.seal, !(isFirst && isSending) { releasePayload(buffer) }
            isFirst = false
        }
        entry.pointee.forwards = ForwardQueue()
        entry.pointee.successor = .none
        entry.pointee.successorProof = nil
        entry.pointee.isWatched = false
    }

    // MARK: Its deadline

    /// The next node owes progress from the moment something is under way to it.
    mutating func watch(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        guard !entry.pointee.isWatched, entry.pointee.downstream >= 0 else { return }
        entry.pointee.isWatched = true
        rewatch(stream)
    }

    /// It moved: the deadline begins again while it owes more, and rests when it owes nothing.
    private mutating func rewatch(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        guard entry.pointee.downstream >= 0 else { return }
        let owesData =
            !entry.pointee.join.isChainReady
            || entry.pointee.join.behind.written < entry.pointee.forwards.forwarded
            || entry.pointee.forwards.isSending
        let owesSeal =
            entry.pointee.seal.isWanted && entry.pointee.seal.isForwarded
            && entry.pointee.seal.behind == nil
        let owesFlush = entry.pointee.flush.forwarded > entry.pointee.join.behind.durable
        guard owesData || owesSeal || owesFlush else {
            entry.pointee.isWatched = false
            return core.transport.restReceiving(entry.pointee.downstream)
        }
        // A flush or a durable seal waits for every device, which takes as long as it takes.
        let span = owesData ? core.settings.progressTimeout : 6 * core.settings.progressTimeout
        core.transport.awaitReceiving(entry.pointee.downstream, within: span)
    }
}
