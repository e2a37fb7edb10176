import Reactor
import Transport
import Wire

// A writer asks for a seal or a flush, and hears what came of it.
extension Datanode where Ring: ~Copyable {
    mutating func flushRequested(_ index: ConnectionIndex, _ header: FrameHeader) {
        let stream = core.transport.at(index).role.stream
        let entry = writes.at(stream)
        guard !core.isFenced else { return fail(index, .fenced) }
        guard header.length <= entry.pointee.maxLength else { return fail(index, .tokenTooShort) }
        core.counters.flushes &+= 1
        // What a sealed block is, its seal's answer says.
        if !entry.pointee.seal.isRequested {
            entry.pointee.flush.ask(header.length)
            entry.pointee.takeReachedFlush()
        }
        if entry.pointee.flush.owesNothing { entry.pointee.join.owe() }
        proceedAndReceive(stream, index)
    }

    mutating func sealRequested(_ index: ConnectionIndex, _ header: FrameHeader) {
        let stream = core.transport.at(index).role.stream
        let entry = writes.at(stream)
        guard !core.isFenced else { return fail(index, .fenced) }
        guard header.length <= entry.pointee.maxLength else { return fail(index, .tokenTooShort) }
        guard entry.pointee.hwm <= header.length,
            entry.pointee.seal.request(
                length: header.length, checksum: header.checksum, level: header.flags.level)
        else { return fail(index, .sealMismatch) }
        proceedAndReceive(stream, index)
    }

    private mutating func proceedAndReceive(_ stream: StreamIndex, _ index: ConnectionIndex) {
        proceed(stream)
        continueReceiving(index)
    }

    /// The seal goes to the chain behind once, after the last frame.
    mutating func forwardWholeSeal(_ stream: StreamIndex) {
        guard let entry = writes.live(stream), entry.pointee.maySeal,
            !entry.pointee.seal.isForwarded, hasGoodChecksum(stream)
        else { return }
        entry.pointee.seal.isForwarded = true
        if entry.pointee.successor != .none { entry.pointee.forwards.append(ForwardQueue.seal) }
    }

    private mutating func hasGoodChecksum(_ stream: StreamIndex) -> Bool {
        let entry = writes.at(stream)
        let checksum = entry.pointee.table.blockChecksum(length: entry.pointee.hwm)
        guard checksum == entry.pointee.seal.checksum else {
            if !entry.pointee.file.isSealBegun { entry.pointee.seal.isRequested = false }
            entry.pointee.seal.isWanted = false
            if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .sealMismatch) }
            return false
        }
        return true
    }

    mutating func sealReached(_ stream: StreamIndex, _ level: Level) {
        let entry = writes.at(stream)
        if entry.pointee.seal.reached == nil {
            core.counters.blocksSealed &+= 1
            core.blocks.use(entry.pointee.hwm, on: entry.pointee.device)
            core.blocks.record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.hwm,
                    checksum: entry.pointee.seal.checksum, state: .sealed,
                    device: entry.pointee.device, incarnation: entry.pointee.incarnation))
        }
        entry.pointee.seal.reached = level
        proceed(stream)
        guard let entry = writes.live(stream), entry.pointee.isSealed,
            entry.pointee.upstream < 0
        else { return }
        endStream(stream)
    }
}
