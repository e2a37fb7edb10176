import Client
import DataPath
import Wire

/// A number may be given by two histories of the namespace, and then is of two blocks.
struct PlannedBlock: Hashable, Comparable {
    let block: BlockID
    let incarnation: NamespaceIncarnation

    init(_ block: BlockID, _ incarnation: NamespaceIncarnation) {
        self.block = block
        self.incarnation = incarnation
    }

    init(_ plan: BlockPlan) {
        self.init(
            plan.block, Token(decoding: plan.credentials.token)?.incarnation ?? .unknown)
    }

    static func < (one: Self, other: Self) -> Bool { one.block < other.block }
}

/// What datanodes met of blocks that were not closed when they were started: seeds are of no use
/// unless they meet each.
package struct StartFindings: Equatable, Sendable {
    /// Open, with a part that was acked as durable.
    package var promised = 0
    /// Open, with more than was acked.
    package var keptMore = 0
    /// Sealed, and never acked as durable.
    package var sealedEarly = 0
    /// Sealed, and acked as durable.
    package var sealed = 0

    package static func + (one: Self, other: Self) -> Self {
        Self(
            promised: one.promised + other.promised, keptMore: one.keptMore + other.keptMore,
            sealedEarly: one.sealedEarly + other.sealedEarly, sealed: one.sealed + other.sealed)
    }
}

/// What was written to the blocks of values that are not closed yet, and how much of it their
/// writers were told is durable: a node that starts is held to both.
struct OpenBlocks {
    struct Entry {
        let value: SimulatedValue
        /// Of the block's first byte in the value.
        let position: Int
        let chain: [NodeID]
        var durable: UInt64 = 0
        /// As it was sealed, durably.
        var seal: WrittenBlock?
    }

    private var entries: [PlannedBlock: Entry] = [:]

    subscript(block: PlannedBlock) -> Entry? { entries[block] }

    /// In order.
    func promised(by node: NodeID) -> [(PlannedBlock, Entry)] {
        entries.filter { $0.value.durable > 0 && $0.value.chain.contains(node) }
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    mutating func began(_ plan: BlockPlan, _ value: SimulatedValue, at position: Int) {
        let block = PlannedBlock(plan)
        guard entries[block] == nil else { return }
        entries[block] = Entry(
            value: value, position: position, chain: plan.credentials.chain.nodes.map(\.node))
    }

    mutating func acked(_ plan: BlockPlan, durable: UInt64) {
        guard durable > 0 else { return }
        let block = PlannedBlock(plan)
        let before = entries[block]?.durable ?? 0
        entries[block]?.durable = max(before, durable)
    }

    mutating func sealed(_ plan: BlockPlan, _ seal: WrittenBlock) {
        entries[PlannedBlock(plan)]?.durable = UInt64(seal.length)
        entries[PlannedBlock(plan)]?.seal = seal
    }

    /// Others look after it from now on, or nobody can say any more what it holds.
    mutating func forget(_ block: BlockID) {
        entries = entries.filter { $0.key.block != block }
    }
}
