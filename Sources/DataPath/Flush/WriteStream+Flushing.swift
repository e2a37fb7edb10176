import Wire

// `flush`: the prefix of an open block becomes durable. Once its bytes are on the device, the
// checksum table (when the header has no room) and then the other header copy are written,
// which name the prefix; then one sync makes all of it durable, and the first time one of the
// directory.
//
// The device may keep the new copy and lose bytes it names, when the power fails before the
// sync ends. So whoever reads an open block's copies after a restart believes the newer one
// only when the bytes that it adds match their checksums; the older one's were synced before
// the newer was begun (`BlockRecovery`).
extension WriteStream {
    /// All that is received now.
    var mark: FlushState.Mark {
        let last = BlockLayout.chunks(length: hwm) - 1
        return FlushState.Mark(end: hwm, lastChecksum: table[max(0, last)])
    }

    /// The HWM may have come to what was asked for.
    mutating func takeReachedFlush() {
        if flush.isReached(hwm: hwm) { flush.take(mark) }
    }

    /// A writer asks for the first `end` bytes to be durable.
    mutating func askFlush(of end: UInt64) {
        // What a sealed block is, its seal's answer says.
        if !seal.isRequested {
            flush.ask(end)
            takeReachedFlush()
        }
        if flush.owesNothing { join.owe() }
    }

    /// Begins the next flush when its bytes are on the device. Once the seal was begun
    /// there is none: what was asked for before it came first.
    mutating func beginFlush() {
        guard flush.isPending, file.isFree, !file.isSealBegun,
            flush.begin(written: writes.written)
        else { return }
        file.beginFlush()
    }

    /// What the file is made to say of the flush that runs.
    var flushed: FlushState.Mark {
        guard let mark = flush.running else {
            preconditionFailure("what is described is being flushed")
        }
        return mark
    }
}
