import Wire

/// With which nodes ADDBLOCK is asked, and what is done when there is no chain, as a pure state for
/// one value that is written.
package struct PlanRetry {
    /// The longest until it is asked again, nanoseconds: time for a node to come back, and for the
    /// namenode to notice that one is gone.
    package static let longestPause: UInt64 = 1_600_000_000
    /// More failed nodes are not remembered.
    package static let mostExcluded = 16

    /// Nodes that failed under this value's blocks. The namenode needs seconds to notice what a
    /// writer sees at once.
    package private(set) var excluded: [NodeID] = []
    /// Pauses in a row.
    private var waited = 0

    package init() {}

    /// A node failed under a block.
    package mutating func failed(_ node: NodeID) {
        excluded.removeAll { $0 == node }
        excluded = (excluded + [node]).suffix(Self.mostExcluded)
    }

    /// ADDBLOCK gave a chain.
    package mutating func planned() { waited = 0 }

    /// ADDBLOCK was refused, or not answered: `busy`.
    ///
    /// When there is no chain without the nodes that failed, they are asked for too: the others are
    /// all there is.
    /// - Parameter isOver: nothing went on for as long as the value is waited for.
    /// - Returns: nanoseconds until it is asked again; `nil`: the refusal is told.
    package mutating func pause(after code: ControlCode, isOver: Bool) -> UInt64? {
        switch code {
        case .tooFewNodes, .noSpace:
            if !excluded.isEmpty {
                excluded = []
                return 0
            }
            guard code.canPass else { return nil }
        default: guard code.canPass else { return nil }
        }
        guard !isOver else { return nil }
        defer { waited += 1 }
        return min(Self.longestPause, 100_000_000 << UInt64(min(waited, 4)))
    }
}

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
