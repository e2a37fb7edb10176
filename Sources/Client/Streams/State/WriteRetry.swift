import Wire

/// What is done after a write stream failed, as a pure state: a new stream to the same chain, a new
/// block on another chain, or nothing more. Bounded: `resumes` streams in a row without progress,
/// `fencedResumes` while a node waits for its namenode, `blocks` chains for one block's bytes.
package struct WriteRetry {
    package static let resumes = 3
    package static let blocks = 3
    /// 51 s: about as long as the lease.
    package static let fencedResumes = 32

    package enum Step: Equatable {
        /// Again with the same token; what is unacked is sent again.
        case resume
        /// ADDBLOCK without these nodes.
        case newBlock
        case giveUp
    }

    /// Nodes that the next ADDBLOCK is asked not to use.
    package private(set) var excluded: [NodeID] = []
    /// Streams begun since the last progress.
    private var resumed = 0
    private var fenced = 0
    private var blocks = 1
    private var tokensRefused = 0

    /// - Parameter excluded: nodes that failed under earlier blocks of the same value.
    package init(excluded: [NodeID] = []) { self.excluded = excluded }

    /// Before the next stream to the same chain, nanoseconds: 100 ms, then 200, then 400.
    /// A fenced node needs more: its namenode is to come back.
    package var pause: UInt64 {
        fenced > 0 ? PlanRetry.pause : 50_000_000 << UInt64(min(resumed, 5))
    }

    /// The chain acked more than before.
    package mutating func progressed() {
        resumed = 0
        fenced = 0
    }

    /// - Parameters:
    ///   - head: of the chain, to be blamed when the failure names nobody.
    ///   - canMove: the block's bytes can still be had from its start.
    package mutating func failed(_ failure: StreamFailure, head: NodeID, canMove: Bool) -> Step {
        switch failure {
        case .source, .sourceEnded, .sink: return .giveUp
        case .disconnected, .timedOut:
            // Once more to the same chain costs less than a new block; a chain that fails twice is
            // left.
            return canMove && resumed > 0 ? newBlock(excluding: head) : resume(canMove, head)
        // The node has every byte, and takes more when it has heard from its namenode.
        case .refused(.fenced, _) where !canMove && fenced < Self.fencedResumes:
            fenced += 1
            return .resume
        case .refused(let status, _) where status.blamesToken:
            guard canMove else { return .giveUp }
            // A node that refuses fresh tokens too is left out.
            defer { tokensRefused += 1 }
            return newBlock(excluding: tokensRefused > 0 ? head : nil)
        case .refused(.superseded, _), .refused(.badPayloadChecksum, _),
            .refused(.badHeaderChecksum, _):
            return canMove && resumed > 0 ? newBlock(excluding: head) : resume(canMove, head)
        case .refused(let status, _) where status.family == .stream && !canMove: return .giveUp
        // The chain has given the block up: asked again, it would say only that the block is gone.
        case .refused(.noSpace, _) where !canMove, .refused(.deviceFailed, _) where !canMove:
            return .giveUp
        case .writtenBefore: return canMove ? newBlock(excluding: head) : .giveUp
        case .refused, .unreachable, .protocolError, .unproven, .corrupt, .otherBlock, .mixedBlock,
            .passedOn:
            return canMove ? newBlock(excluding: failure.blamed ?? head) : resume(canMove, head)
        }
    }

    private mutating func resume(_ canMove: Bool, _ head: NodeID) -> Step {
        guard resumed < Self.resumes else {
            return canMove ? newBlock(excluding: head) : .giveUp
        }
        resumed += 1
        return .resume
    }

    private mutating func newBlock(excluding node: NodeID?) -> Step {
        guard blocks < Self.blocks else { return .giveUp }
        blocks += 1
        resumed = 0
        fenced = 0
        if let node, !excluded.contains(node) { excluded.append(node) }
        return .newBlock
    }
}
