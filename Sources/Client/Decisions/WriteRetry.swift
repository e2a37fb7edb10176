import Wire

/// What is done after a write stream failed, as a pure state: a new stream to the same chain, a new
/// block on another chain, or nothing more. It goes on for as long as its owner's `Patience` lasts,
/// but for no more than `leftBlocks`; a fenced node is waited for `fencedResumes` times, whatever
/// the patience. It is kept from a block to the one that takes its place.
package struct WriteRetry {
    /// 51 s: about as long as the lease.
    package static let fencedResumes = 32
    /// Streams in a row to a chain whose connections break, before another one is tried: it keeps
    /// every byte that it has, and a new one begins with none.
    package static let resumes = 3
    /// Blocks with bytes that are left for another one at the same place of the value: what they
    /// hold takes room on their nodes until the lease ends.
    package static let leftBlocks = 8

    package enum Step: Equatable {
        /// Again with the same token; what is unacked is sent again.
        case resume
        /// ADDBLOCK without this node, when one is to blame.
        case newBlock(without: NodeID?)
        case giveUp
    }

    /// Failures, and streams to the same chain, since the last progress.
    private var failures = 0
    private var resumed = 0
    private var fenced = 0
    private var tokensRefused = 0
    /// What the furthest of the blocks at this place has come to.
    private var furthest = Progress()
    /// The block has bytes.
    private var hasBytes = false
    private var left = 0

    package init() {}

    /// Before the next step, nanoseconds: 100 ms, then 200, up to 1.6 s. A fenced node needs the
    /// longest: its namenode is to come back.
    package var pause: UInt64 {
        fenced > 0
            ? PlanRetry.longestPause
            : min(PlanRetry.longestPause, 50_000_000 << UInt64(min(failures, 5)))
    }

    /// The chain acked more than before.
    /// - Returns: whether it is more than any chain did for this place of the value. Bytes that are
    ///   sent again, to another block, are no progress of the value.
    package mutating func progressed(_ acked: Progress) -> Bool {
        failures = 0
        resumed = 0
        fenced = 0
        hasBytes = true
        guard acked.exceeds(furthest) else { return false }
        furthest = furthest.maximum(acked)
        return true
    }

    /// - Parameters:
    ///   - head: of the chain, to be blamed when the failure names nobody.
    ///   - canMove: the block's bytes can still be had from its start, from memory or the source.
    ///   - isOver: the owner's patience is at its end.
    package mutating func failed(
        _ failure: StreamFailure, head: NodeID, canMove: Bool, isOver: Bool
    ) -> Step {
        failures += 1
        if failure.status.blamesToken { tokensRefused += 1 }
        if case .refused(.fenced, _) = failure, !canMove, fenced < Self.fencedResumes {
            // No other chain can have these bytes, and this one still has them: the node takes more
            // when it has heard from its namenode. What can move does not wait, but goes on below.
            fenced += 1
            return .resume
        }
        let step = step(after: failure, head: head, canMove: canMove)
        guard !isOver else { return .giveUp }
        switch step {
        case .resume: resumed += 1
        case .newBlock:
            if hasBytes { left += 1 }
            guard left < Self.leftBlocks else { return .giveUp }
            hasBytes = false
            resumed = 0
            fenced = 0
        case .giveUp: break
        }
        return step
    }

    /// The same chain costs less than a new block.
    private func again(_ failure: StreamFailure, _ head: NodeID, _ canMove: Bool) -> Step {
        canMove && resumed >= Self.resumes ? .newBlock(without: failure.blamed ?? head) : .resume
    }

    private func step(after failure: StreamFailure, head: NodeID, canMove: Bool) -> Step {
        switch failure {
        case .source, .sourceEnded, .sink: .giveUp
        // A node that says nothing costs the whole deadline each time it is asked.
        case .timedOut: canMove ? .newBlock(without: head) : .resume
        case .disconnected, .refused(.nextHopFailed, _), .refused(.superseded, _),
            .refused(.badPayloadChecksum, _), .refused(.badHeaderChecksum, _):
            again(failure, head, canMove)
        // The stream before this one is still being closed.
        case .refused(.busy, _) where resumed > 0: again(failure, head, canMove)
        // A node that refuses fresh tokens too is left out.
        case .refused(let status, _) where status.blamesToken:
            canMove ? .newBlock(without: tokensRefused > 1 ? head : nil) : .giveUp
        case .refused(let status, _) where status.family == .stream && !canMove: .giveUp
        // The chain has given the block up: asked again, it would say only that the block is gone.
        case .refused(.noSpace, _) where !canMove, .refused(.deviceFailed, _) where !canMove:
            .giveUp
        case .writtenBefore: canMove ? .newBlock(without: head) : .giveUp
        case .refused, .unreachable, .protocolError, .unproven, .corrupt, .otherBlock, .mixedBlock,
            .passedOn:
            canMove ? .newBlock(without: failure.blamed ?? head) : .resume
        }
    }
}
