import Wire

/// Blocks that a node named and the namespace does not know: counted, and as many as the bound
/// remembered.
package struct StrayBlocks: Sendable {
    package struct Stray: Sendable {
        package let epoch: Epoch
        package let incarnation: NamespaceIncarnation
        /// What its node takes it for, when it is sealed.
        package let content: Deletion.Content?
        package let length: UInt64
        package let device: [UInt8]
        /// When the node named it first, on the namenode's monotonic clock.
        package var seen: Int64
        /// Its number was never given here.
        package var isForeign: Bool
        /// The operator has said that it may go.
        package var isDeleting = false
    }

    package private(set) var known: [BlockID: Stray] = [:]
    /// Named beyond the bound; a block named twice counts twice there.
    private var others = 0

    package init() {}

    package var count: Int { known.count + others }

    mutating func add(_ block: BlockID, _ stray: Stray, most: Int) {
        if let old = known[block] {
            var stray = stray
            stray.seen = old.seen
            stray.isForeign = stray.isForeign || old.isForeign
            stray.isDeleting = old.isDeleting
            known[block] = stray
        } else if known.count < most {
            known[block] = stray
        } else {
            others += 1
        }
    }

    /// The node says that it is gone.
    mutating func remove(_ block: BlockID) { known[block] = nil }

    mutating func markDeleting(_ block: BlockID) { known[block]?.isDeleting = true }
}
