import Wire

/// The end of a block's write on this node and behind it, as a pure state.
///
/// What becomes true in the course of a seal, in this order:
///
/// | flag | when |
/// |---|---|
/// | `isRequested` | a seal frame named length and checksum |
/// | `isWanted` | by the same frame: somebody waits for the answer |
/// | `isAccepted` | every byte is here, and the checksum is right |
/// | `BlockFile.isSealBegun` | the file is being made to say it |
/// | `BlockFile.isSealSettled`, `reached` | the header is on the device; a sync may follow |
/// | `behind` | the chain behind has answered, at any time after `isAccepted` |
/// | `isAnswered` | the answer is being sent |
///
/// A wrong checksum takes the first two back. A writer on a new connection begins anew: it takes
/// back all that is not the file's (`restart`). What the file was begun to say stays, and with it
/// `isRequested`; `isSealSettled` is false again while a durable seal is synced.
struct SealState: BitwiseCopyable {
    /// A seal is known: length and checksum are final.
    var isRequested = false
    /// The writer that is connected asked for it, and waits for the answer.
    var isWanted = false
    /// Its checksum is right, and it was queued for the chain behind, if there is one.
    var isAccepted = false
    var length: UInt64 = 0
    var checksum: UInt32 = 0
    /// The level asked for, at least `written`: a sealed block's header is on the device.
    var level = Level.written
    /// The level this node has reached for the whole block.
    var reached: Level?
    /// The level the chain behind confirmed.
    var behind: Level?
    var isAnswered = false

    /// A seal frame. `false`: another seal for this block was taken before.
    mutating func request(length: UInt64, checksum: UInt32, level: Level) -> Bool {
        guard !isRequested || (self.length == length && self.checksum == checksum) else {
            return false
        }
        isRequested = true
        isWanted = true
        self.length = length
        self.checksum = checksum
        self.level = max(level, .written)
        isAnswered = false
        return true
    }

    /// The writer is on a new connection: it asks again, and its chain answers again.
    /// - Parameter isBegun: the file names length and checksum, or is about to.
    mutating func restart(isBegun: Bool) {
        behind = nil
        isWanted = false
        isAccepted = false
        isAnswered = false
        if !isBegun { isRequested = false }
    }

    /// The level to answer with, once this node and the chain behind have reached what was asked.
    func answer(isTail: Bool) -> Level? {
        guard isWanted, !isAnswered, let reached, reached >= level else { return nil }
        if isTail { return reached }
        guard let behind, behind >= level else { return nil }
        return min(reached, behind)
    }
}
