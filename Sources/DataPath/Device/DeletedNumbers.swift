import Wire

/// Blocks that were deleted here, the newest of them: a write token lives on for a while after its
/// block, and would make a block anew that the namenode has forgotten.
///
/// Bounded by `Budget.deletedNumbers`. What falls out, or is lost with a restart, costs nothing but
/// room: a writer that comes back with such a token makes a stray, unless a node of its chain has
/// yet to say that the block is gone.
struct DeletedNumbers {
    private var epochs: [BlockID: Epoch] = [:]
    /// A ring, the next one to be overwritten at `place`.
    private var order: [BlockID] = []
    private var place = 0

    /// Whether this block was deleted at this epoch or a later one.
    func contains(_ block: BlockID, _ epoch: Epoch) -> Bool {
        epochs[block].map { epoch <= $0 } ?? false
    }

    mutating func insert(_ block: BlockID, _ epoch: Epoch) {
        guard epochs[block] == nil else {
            epochs[block] = max(epochs[block] ?? epoch, epoch)
            return
        }
        epochs[block] = epoch
        guard order.count == Budget.deletedNumbers else { return order.append(block) }
        epochs[order[place]] = nil
        order[place] = block
        place = (place + 1) % order.count
    }
}
