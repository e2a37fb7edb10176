import Wire

/// Blocks that a node named and the namespace does not know: counted, and as many as the bound
/// remembered.
package struct StrayBlocks: Sendable {
    package struct Stray: Sendable {
        package let epoch: Epoch
        package let length: UInt64
        package let device: [UInt8]
        /// When the node named it first, on the namenode's monotonic clock.
        package let seen: Int64
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
            known[block] = Stray(
                epoch: stray.epoch, length: stray.length, device: stray.device, seen: old.seen,
                isDeleting: old.isDeleting)
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
