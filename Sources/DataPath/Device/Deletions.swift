import Wire

/// What is being deleted on one reactor, and what was: blocks whose file is on its way out, and
/// numbers that must not come back.
struct Deletions {
    /// Blocks whose file is being unlinked or recycled: nobody may begin to read them.
    private var dying: Set<BlockID> = []
    /// A token that is still good must not bring one of these back.
    private var numbers = DeletedNumbers()
    /// Spare files that are being unlinked.
    private var spares = 0

    /// There is room for one more of each kind; the namenode repeats a command that found none.
    var hasRoom: Bool { dying.count < Budget.deletions }
    var hasRoomForSpare: Bool { spares < Budget.deletions }

    func isDying(_ block: BlockID) -> Bool { dying.contains(block) }

    mutating func begin(_ block: BlockID) { dying.insert(block) }

    /// Its file is gone.
    /// - Parameter epoch: of the block, when its number is to be remembered.
    mutating func finish(_ block: BlockID, remembering epoch: Epoch?) {
        dying.remove(block)
        if let epoch { numbers.insert(block, epoch) }
    }

    /// Whether the block was deleted at this epoch or a later one.
    func remembers(_ block: BlockID, _ epoch: Epoch) -> Bool { numbers.contains(block, epoch) }

    mutating func beginSpare() { spares += 1 }

    mutating func finishSpare() {
        spares -= 1
        precondition(spares >= 0, "a spare file ends once")
    }
}
