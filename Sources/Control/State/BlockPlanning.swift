import Wire

/// One ADDBLOCK in hand: what it asked for, and what it was given so far.
struct BlockPlanning {
    let request: ControlAddBlock
    /// The longest that a block becomes.
    let maxLength: UInt64
    /// The number of the first block.
    let number: UInt64
    var lease: LeaseRecord
    /// Bytes that no block is planned for yet; 0 when nobody knows.
    var rest: UInt64
    var plans: [ControlBlockPlan] = []
    /// Bytes planned for each node, of which it cannot know yet.
    var promised: [NodeID: UInt64] = [:]

    init(_ request: ControlAddBlock, maxLength: UInt64, number: UInt64, lease: LeaseRecord) {
        self.request = request
        self.maxLength = maxLength
        self.number = number
        self.lease = lease
        rest = request.sizeHint
    }

    /// Bytes that the next block may come to.
    var needBytes: UInt64 { rest == 0 ? maxLength : min(rest, maxLength) }
}
