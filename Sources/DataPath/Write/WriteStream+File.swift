import Glibc
import Wire

// What a stream wants of its file, and what the file is made to say of it.
extension WriteStream {
    // MARK: Flush

    // `flush`: the prefix of an open block becomes durable. Once its bytes are on the device, the
    // checksum table (when the header has no room) and then the other header copy are written,
    // which name the prefix; then one sync makes all of it durable, and the first time one of the
    // directory.
    //
    // The device may keep the new copy and lose bytes it names, when the power fails before the
    // sync ends. So whoever reads an open block's copies after a restart believes the newer one
    // only when the bytes that it adds match their checksums; the older one's were synced before
    // the newer was begun (`BlockRecovery`).

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

    /// Begins the next flush when its bytes are on the device.
    mutating func beginFlush() {
        guard flush.isPending, file.isFree, !file.isSealBegun,
            flush.begin(written: writes.written)
        else { return }
        file.beginFlush()
    }

    // MARK: Seal

    // The end of a block: once every byte below the length is on the device, its header and
    // checksums are written, and synced when the writer asked for that; then the answer goes up as
    // the chain behind confirms.

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
        guard maySeal, seal.isForwarded else { return false }
        guard file.isSealBegun else {
            if writes.isEmpty, file.isDescribed, isFlushedForSeal() { file.beginSeal() }
            return false
        }
        guard file.isSealed, let reached = seal.reached else { return false }
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

    // MARK: What the file says

    /// Fills a metadata buffer with what is to be described: a header, and the checksums of the
    /// bytes that it names.
    /// - Returns: checksums in the table behind the header, 0 when they are inside.
    func describe(
        into page: UnsafeMutableRawPointer, cluster: ClusterID, device: DeviceID
    ) -> Int {
        let (length, last) = described
        let chunks = BlockLayout.chunks(length: length)
        let isInline = chunks <= BlockLayout.inlineChecksums
        let behind = page + BlockLayout.headerBytes
        memset(page, 0, BlockLayout.headerBytes)
        if !isInline { memset(behind, 0, BlockLayout.tableBytes(chunks: chunks)) }
        let target = isInline ? page + BlockHeader.checksumsOffset : behind
        for chunk in 0..<chunks { target.storeLittle(table[chunk], at: chunk * 4) }
        if let last, chunks > 0 { target.storeLittle(last, at: (chunks - 1) * 4) }
        let isSealed = file.account == .seal
        let header = BlockHeader(
            state: isSealed ? .sealed : .open, sequence: file.sequence, cluster: cluster,
            device: device, block: block, epoch: epoch, lease: lease, length: length,
            maxLength: maxLength, checksum: isSealed ? seal.checksum : 0,
            inlineCount: isInline ? UInt32(chunks) : 0, tableCount: isInline ? 0 : UInt32(chunks),
            tableChecksum: isInline ? 0 : CRC32C.of(behind, count: chunks * 4),
            incarnation: incarnation)
        header.encode(into: page)
        return isInline ? 0 : chunks
    }

    /// How many bytes, and the last chunk's checksum when it grew since.
    private var described: (length: UInt64, last: UInt32?) {
        switch file.account {
        case .opening: return (0, nil)
        case .seal: return (hwm, nil)
        case .flush:
            guard let mark = flush.running else {
                preconditionFailure("what is described is being flushed")
            }
            return (mark.end, mark.lastChecksum)
        }
    }

    /// The next step of its file's end.
    mutating func endFile() -> BlockFile.Action {
        let isTrimmed = isSealed && !isUnlinking
        return file.end(
            keeping: isTrimmed ? BlockLayout.filePages(length: hwm) : nil, maxLength: maxLength)
    }
}
