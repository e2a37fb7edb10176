import Wire

/// How long a put's blocks become, so that the value fits into as many as it may have.
package enum BlockLength {
    /// Blocks that are planned and not used, for a node failed or a token grew old, count too.
    private static let spareParts: UInt64 = 4
    /// Of a value of unknown length the blocks become twice as long after each such part of their
    /// number.
    private static let growingParts = 8

    /// - Parameters:
    ///   - wanted: what the caller asked for, if anything.
    ///   - total: the value's length, when it is known.
    ///   - begun: blocks before this one.
    package static func next(
        wanted: UInt64?, total: UInt64?, begun: Int, bounds: ValueBounds
    ) -> UInt64 {
        let base = min(wanted ?? bounds.blockBytes, bounds.longestBlock)
        let most = UInt64(max(1, bounds.mostBlocks))
        guard let total else {
            let doublings = begun / max(1, bounds.mostBlocks / growingParts)
            return doublings < 32
                ? min(bounds.longestBlock, base << doublings) : bounds.longestBlock
        }
        let used = max(1, most - most / spareParts)
        let needed = total / used + (total % used == 0 ? 0 : 1)
        return min(bounds.longestBlock, max(base, chunks(needed)))
    }

    /// Whole chunks, so that no frame of a long block is cut.
    private static func chunks(_ bytes: UInt64) -> UInt64 {
        let chunk = UInt64(Limits.chunkBytes)
        return (bytes + chunk - 1) / chunk * chunk
    }
}
