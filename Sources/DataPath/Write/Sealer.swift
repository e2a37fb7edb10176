import Reactor
import Wire

// The end of a block: once every byte below the length is on the device, its header and checksums
// are written, and synced when the writer asked for that; then the answer goes up as the chain
// behind confirms.
extension Datanode where Ring: ~Copyable {
    mutating func sealRequested(_ index: Int32, _ header: FrameHeader) {
        let stream = core.transport.at(index).role.stream
        let entry = streams.at(stream)
        guard !core.isFenced else { return fail(index, .fenced) }
        guard header.length <= entry.pointee.maxLength else { return fail(index, .tokenTooShort) }
        guard entry.pointee.hwm <= header.length,
            entry.pointee.seal.request(
                length: header.length, checksum: header.checksum, level: header.flags.level)
        else { return fail(index, .sealMismatch) }
        proceed(stream)
        continueReceiving(index)
    }

    /// Whether every byte of the block that is to be sealed has come.
    private mutating func isWhole(_ entry: UnsafeMutablePointer<WriteStream>) -> Bool {
        entry.pointee.seal.isWanted && entry.pointee.hwm == entry.pointee.seal.length
            && entry.pointee.file == .open
    }

    /// The seal goes to the chain behind once, after the last frame.
    mutating func forwardWholeSeal(_ stream: Int32) {
        guard let entry = live(stream), isWhole(entry), !entry.pointee.seal.isForwarded,
            hasGoodChecksum(stream)
        else { return }
        entry.pointee.seal.isForwarded = true
        if entry.pointee.successor != .none { entry.pointee.forwards.append(ForwardQueue.seal) }
    }

    /// Moves the seal on as far as it can go now.
    mutating func beginSeal(_ stream: Int32) {
        guard let entry = live(stream), isWhole(entry), entry.pointee.seal.isForwarded else {
            return
        }
        switch entry.pointee.seal.local {
        case .waiting:
            guard entry.pointee.writes.isEmpty, entry.pointee.isHeaderWritten,
                isFlushedForSeal(stream)
            else { return }
            entry.pointee.seal.local = .writing
            entry.pointee.headerSequence += 1
        case .done:
            if let reached = entry.pointee.seal.reached, reached < entry.pointee.seal.level {
                syncSeal(stream)
            }
        case .writing, .syncingFile, .syncingDirectory: break
        }
    }

    /// Flushes that were asked for before the seal come before it. And a block of which a prefix is
    /// durable is flushed once more: its sealed copy overwrites one of the two that describe the
    /// prefix, so it must name only bytes that no power cut takes back.
    private mutating func isFlushedForSeal(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        guard entry.pointee.flush.isIdle else { return false }
        if entry.pointee.flush.durable > 0 { entry.pointee.flush.demand(mark(stream)) }
        beginFlush(stream)
        return entry.pointee.flush.isIdle
    }

    private mutating func hasGoodChecksum(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        let checksum = entry.pointee.table.blockChecksum(length: entry.pointee.hwm)
        guard checksum == entry.pointee.seal.checksum else {
            if entry.pointee.seal.local == .waiting { entry.pointee.seal.isRequested = false }
            entry.pointee.seal.isWanted = false
            if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .sealMismatch) }
            return false
        }
        return true
    }

    /// Fills header and table; the table goes first when there is one.
    mutating func writeSeal(_ stream: Int32) {
        let length = streams.at(stream).pointee.hwm
        let chunks = fillMetadata(stream, .sealed, length: length, last: nil)
        if chunks > 0 {
            writeTable(stream, .writeTable, chunks)
        } else {
            writeHeader(stream, .writeSealHeader)
        }
    }

    private mutating func syncSeal(_ stream: Int32) {
        streams.at(stream).pointee.seal.local = .syncingFile
        syncFile(stream)
    }

    /// Table or header of a seal is written, or not.
    mutating func sealStep(_ stream: Int32, _ kind: OperationKind, _ outcome: Outcome) {
        guard wroteMetadata(stream, kind, outcome) else { return }
        guard kind == .writeSealHeader else { return writeHeader(stream, .writeSealHeader) }
        let entry = streams.at(stream)
        core.buffers.releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        sealReached(stream, .written)
    }

    mutating func sealReached(_ stream: Int32, _ level: Level) {
        let entry = streams.at(stream)
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
        entry.pointee.seal.local = .done
        proceed(stream)
        guard let entry = live(stream), entry.pointee.isSealed, entry.pointee.upstream < 0 else {
            return
        }
        endStream(stream)
    }
}
