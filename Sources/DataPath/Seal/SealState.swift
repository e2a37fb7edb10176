import Wire

/// The end of a block's write on this node and behind it, as a pure state.
struct SealState: BitwiseCopyable {
    /// A seal is known: length and checksum are final.
    var isRequested = false
    /// The current stream asked for it, and waits for the answer.
    var isWanted = false
    /// It was queued for the chain behind.
    var isForwarded = false
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

    /// A new stream took the block over: it asks again, and its chain answers again.
    /// - Parameter isBegun: the file names length and checksum, or is about to.
    mutating func restart(isBegun: Bool) {
        behind = nil
        isWanted = false
        isForwarded = false
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
