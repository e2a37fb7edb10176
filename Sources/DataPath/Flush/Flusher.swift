import Reactor
import Wire

// `flush`: the prefix of an open block becomes durable. Once its bytes are on the device, the
// checksum table (when the header has no room) and then the other header copy are written, which
// name the prefix; then one sync makes all of it durable, and the first time one of the directory.
//
// The device may keep the new copy and lose bytes it names, when the power fails before the sync
// ends. So whoever reads an open block's copies after a restart believes the newer one only when
// the bytes that it adds match their checksums; the older one's were synced before the newer was
// begun (`BlockRecovery`).
extension Datanode where Ring: ~Copyable {
    mutating func flushRequested(_ index: Int32, _ header: FrameHeader) {
        let stream = core.transport.at(index).role.stream
        let entry = streams.at(stream)
        guard !core.isFenced else { return fail(index, .fenced) }
        guard header.length <= entry.pointee.maxLength else { return fail(index, .tokenTooShort) }
        core.counters.flushes &+= 1
        // What a sealed block is, its seal's answer says.
        if !entry.pointee.seal.isRequested {
            entry.pointee.flush.ask(header.length)
            takeReachedFlush(stream)
        }
        if entry.pointee.flush.owesNothing { entry.pointee.join.owe() }
        proceed(stream)
        continueReceiving(index)
    }

    /// The HWM may have come to what was asked for.
    mutating func takeReachedFlush(_ stream: Int32) {
        let entry = streams.at(stream)
        guard entry.pointee.flush.isReached(hwm: entry.pointee.hwm) else { return }
        entry.pointee.flush.take(mark(stream))
    }

    /// All that is received now.
    func mark(_ stream: Int32) -> FlushState.Mark {
        let entry = streams.at(stream)
        let last = BlockLayout.chunks(length: entry.pointee.hwm) - 1
        return FlushState.Mark(
            end: entry.pointee.hwm, lastChecksum: entry.pointee.table[max(0, last)])
    }

    /// Begins the next flush when its bytes are on the device.
    mutating func beginFlush(_ stream: Int32) {
        guard let entry = live(stream), entry.pointee.flush.isPending,
            entry.pointee.isHeaderWritten, entry.pointee.file == .open,
            entry.pointee.seal.local == .waiting,
            entry.pointee.flush.begin(written: entry.pointee.writes.written)
        else { return }
        entry.pointee.headerSequence += 1
    }

    /// Fills header and table; the table goes first when there is one.
    mutating func writeFlush(_ stream: Int32) {
        let entry = streams.at(stream)
        guard let mark = entry.pointee.flush.running else {
            preconditionFailure("what is described is being flushed")
        }
        let chunks = fillMetadata(stream, .open, length: mark.end, last: mark.lastChecksum)
        if chunks > 0 {
            entry.pointee.flush.hasTables = true
            writeTable(stream, .writeFlushTable, chunks)
        } else {
            writeHeader(stream, .writeFlushHeader)
        }
    }

    /// Table or header of a flush is written, or not.
    mutating func flushStep(_ stream: Int32, _ kind: OperationKind, _ outcome: Outcome) {
        guard wroteMetadata(stream, kind, outcome) else { return }
        guard kind == .writeFlushHeader else { return writeHeader(stream, .writeFlushHeader) }
        let entry = streams.at(stream)
        core.buffers.releaseMetadata(entry.pointee.metadata)
        entry.pointee.metadata = -1
        entry.pointee.flush.phase = .syncingFile
        syncFile(stream)
    }

    /// The prefix survives a power cut on this node.
    mutating func flushed(_ stream: Int32) {
        streams.at(stream).pointee.flush.complete()
        core.counters.flushesDone &+= 1
        proceed(stream)
    }
}
