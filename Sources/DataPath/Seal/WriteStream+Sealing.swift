import Wire

// The end of a block: once every byte below the length is on the device, its header and
// checksums are written, and synced when the writer asked for that; then the answer goes up as
// the chain behind confirms.
extension WriteStream {
    /// A writer asks for the seal. `false`: it is not the seal of what is here.
    mutating func askSeal(_ header: FrameHeader) -> Bool {
        hwm <= header.length
            && seal.request(
                length: header.length, checksum: header.checksum, level: header.flags.level)
    }

    /// The block's CRC is the one that its writer named. If not, nothing was asked for.
    mutating func hasGoodChecksum() -> Bool {
        guard table.blockChecksum(length: hwm) != seal.checksum else { return true }
        if !file.isSealBegun { seal.isRequested = false }
        seal.isWanted = false
        return false
    }

    /// The block is to be sealed, every byte of it has come, and its file is open.
    var maySeal: Bool {
        @inline(__always) get { seal.isWanted && hwm == seal.length && file.isOpen }
    }

    /// Moves the seal on as far as it can go now. `true`: what was written is to be synced too.
    mutating func beginSeal() -> Bool {
        guard maySeal, seal.isAccepted else { return false }
        guard file.isSealBegun else {
            if writes.isEmpty, file.isDescribed, isFlushedForSeal() { file.beginSeal() }
            return false
        }
        guard file.isSealSettled, let reached = seal.reached else { return false }
        return reached < seal.level
    }

    /// Flushes that were asked for before the seal come before it. And a block of which a prefix is
    /// durable is flushed once more: its sealed copy overwrites one of the two that describe the
    /// prefix, so it must name only bytes that no power cut takes back.
    private mutating func isFlushedForSeal() -> Bool {
        guard flush.isIdle else { return false }
        if flush.durable > 0 { flush.demand(mark) }
        beginFlush()
        return flush.isIdle
    }

    /// As the file has it (`BlockFile.isSealSettled`).
    var isSealSettled: Bool {
        @inline(__always) get { file.isSealSettled }
    }
}
