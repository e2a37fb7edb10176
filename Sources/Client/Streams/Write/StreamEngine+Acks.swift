import Reactor
import Wire

// Steps 4 and 5 of a write: what the chain says, what it owes, and how the block ends.
extension StreamEngine where Ring: ~Copyable {
    /// An ack. `false`: the stream ended over it.
    mutating func heardAck(_ write: WriteIndex, _ header: FrameHeader) -> Bool {
        let entry = writes.at(write)
        counters.acksReceived &+= 1
        guard isProven(entry.pointee.connection) else { return false }
        guard isAbout(write, header), hear(write, header.progress) else { return false }
        let isFirst = !entry.pointee.isAnswered
        entry.pointee.isAnswered = true
        if isFirst { rewatchWrite(write) }
        feed(write)
        return true
    }

    private mutating func isAbout(_ write: WriteIndex, _ header: FrameHeader) -> Bool {
        let entry = writes.at(write)
        if header.block == entry.pointee.request.block,
            header.epoch == entry.pointee.request.epoch
        {
            return true
        }
        fail(entry.pointee.connection, .protocolError("an answer about another block"))
        return false
    }

    private mutating func hear(_ write: WriteIndex, _ progress: Progress) -> Bool {
        let entry = writes.at(write)
        do throws(WriteWindow.Violation) {
            guard try entry.pointee.window.hear(progress) else { return true }
        } catch {
            let isOthers = error == .beyondSent && !entry.pointee.isAnswered
            fail(
                entry.pointee.connection,
                isOthers ? .writtenBefore : .protocolError("an ack against the rules (\(error))"))
            return false
        }
        while let frame = entry.pointee.window.popAcked() { releaseSlot(frame.buffer) }
        entry.pointee.hasProgress = true
        tell(write)
        rewatchWrite(write)
        return true
    }

    mutating func heardSealed(_ write: WriteIndex, _ header: FrameHeader, _ payload: [UInt8]) {
        let entry = writes.at(write)
        let connection = entry.pointee.connection
        guard isProven(connection) else { return }
        guard isAbout(write, header), hear(write, header.progress) else { return }
        guard entry.pointee.isSealSent else {
            return fail(connection, .protocolError("a seal that nobody asked for"))
        }
        guard let (receipt, signature) = Receipt.decode(payload),
            receipt.block == entry.pointee.request.block,
            receipt.epoch == entry.pointee.request.epoch,
            receipt.length == entry.pointee.sum.length,
            receipt.checksum == entry.pointee.sum.checksum,
            receipt.level >= entry.pointee.request.level,
            Int(receipt.position) == entry.pointee.request.opening.place
        else { return fail(connection, .protocolError("a receipt for something else")) }
        entry.pointee.seal = BlockSeal(
            receipt: SignedReceipt(receipt: receipt, signature: signature),
            progress: header.progress, isSourceEnded: entry.pointee.isSourceEnded)
        entry.pointee.connection = -1
        transport.clear(timer: Int(write))
        // The chain has the whole block, whatever the last acks said of it.
        while let frame = entry.pointee.window.popAny() { releaseSlot(frame.buffer) }
        tell(write)
        free(connection)
    }

    // MARK: What the chain owes

    /// The deadline begins when the chain starts to owe something.
    mutating func watchWrite(_ write: WriteIndex) {
        guard !writes.at(write).pointee.isWatched else { return }
        rewatchWrite(write)
    }

    /// It moved: the deadline begins again while the chain owes more, and rests when it owes
    /// nothing.
    mutating func rewatchWrite(_ write: WriteIndex) {
        let entry = writes.at(write)
        let owesData = entry.pointee.window.sentEnd > entry.pointee.window.released
        let owesSeal = entry.pointee.isSealSent
        let owesFlush = entry.pointee.flushSent > entry.pointee.window.acked.durable
        let owes = !entry.pointee.isAnswered || owesData || owesSeal || owesFlush
        entry.pointee.isWatched = owes && entry.pointee.connection >= 0
        guard entry.pointee.isWatched else { return transport.clear(timer: Int(write)) }
        let isSync = owesFlush || owesSeal && entry.pointee.request.level == .durable
        let isFlush = !owesData && isSync
        let span = settings.progressTimeout * (isFlush ? settings.sealPatience : 1)
        transport.arm(timer: Int(write), within: span)
    }

    mutating func writeExpired(_ write: WriteIndex) {
        guard writes.isUsed(write), writes.at(write).pointee.connection >= 0 else { return }
        failSilent(writes.at(write).pointee.connection)
    }

    // MARK: Stopping

    /// The connection is gone; the window keeps what is unacked.
    mutating func writeStopped(_ write: WriteIndex, _ failure: StreamFailure) {
        let entry = writes.at(write)
        entry.pointee.connection = -1
        entry.pointee.isWatched = false
        transport.clear(timer: Int(write))
        guard !entry.pointee.isEnding else { return }
        entry.pointee.isStopped = true
        entry.pointee.failure = failure
        tell(write)
    }

    /// The source failed: there is nothing more to send.
    mutating func stopWrite(_ write: WriteIndex, _ failure: StreamFailure) {
        let connection = writes.at(write).pointee.connection
        if connection >= 0 { close(connection) }
        writeStopped(write, failure)
    }

    mutating func endWrite(_ write: WriteIndex) {
        let entry = writes.at(write)
        guard !entry.pointee.isEnding else { return }
        entry.pointee.isEnding = true
        if entry.pointee.connection >= 0 { close(entry.pointee.connection) }
        entry.pointee.connection = -1
        transport.clear(timer: Int(write))
        if entry.pointee.pending > 0 { transport.reactor.cancel(entry.pointee.fillToken) }
        while let frame = entry.pointee.window.popAny() { releaseSlot(frame.buffer) }
        removeIfSettled(write)
    }

    mutating func removeIfSettled(_ write: WriteIndex) {
        let entry = writes.at(write)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, !entry.pointee.isTeller else {
            return
        }
        for slot in 0..<settings.slots where records[slot].write == write {
            records[slot].write = -1
        }
        writes.remove(write)
    }
}
