import Wire

/// Which block of a device is read next: the blocks in the order of their numbers, again and again,
/// and before them what was asked for.
///
/// Where a pass stands is one number, so that it survives a restart (`ScrubFile`): blocks up to it
/// were met in this pass. A block that comes later has a higher number and is met in this pass too.
struct ScrubTour {
    private(set) var after: BlockID
    /// Passes that are complete.
    private(set) var passes: UInt64
    /// Somebody asked for every block: this pass is not paced.
    private(set) var isRushing = false
    private(set) var blocks: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var met: UInt64 = 0

    private var next: ArraySlice<BlockID> = []
    private var asked: [BlockID] = []

    struct Choice: Equatable {
        let block: BlockID
        /// Asked for; not paced.
        let isUrgent: Bool
        /// Part of the pass, and not on its own.
        let isOfPass: Bool
    }

    init(after: BlockID = BlockID(0), passes: UInt64 = 0) {
        self.after = after
        self.passes = passes
    }

    /// Blocks that somebody waits for.
    var waiting: UInt64 { UInt64(asked.count) + (isRushing ? blocks - min(blocks, met) : 0) }

    /// Whether somebody waits: then what is being read is not paced either.
    var isUrgent: Bool { isRushing || !asked.isEmpty }

    /// Whether a survey would bring something: the last one's blocks are through.
    var needsSurvey: Bool { next.isEmpty }

    var choice: Choice? {
        if let block = asked.first { return Choice(block: block, isUrgent: true, isOfPass: false) }
        guard let block = next.first else { return nil }
        return Choice(block: block, isUrgent: isRushing, isOfPass: true)
    }

    /// Takes up what the device has behind the cursor; at its end the next pass begins.
    /// - Returns: `false` when there is nothing to read: no block at all, or a pass has just ended.
    mutating func take(_ survey: ScrubSurvey) -> Bool {
        blocks = survey.blocks
        bytes = survey.bytes
        met = survey.met
        next = survey.next[...]
        guard next.isEmpty else { return true }
        isRushing = false
        guard blocks > 0 else { return false }
        passes += 1
        after = BlockID(0)
        met = 0
        return false
    }

    /// A block was read, or is not there any more.
    mutating func passed(_ choice: Choice) {
        guard choice.isOfPass else {
            asked.removeAll { $0 == choice.block }
            return
        }
        // Else the pass began anew meanwhile, and the block is met again in its turn.
        guard next.first == choice.block else { return }
        next.removeFirst()
        after = choice.block
        met += 1
    }

    /// `false`: too many wait already.
    mutating func ask(_ block: BlockID) -> Bool {
        guard !asked.contains(block) else { return true }
        guard asked.count < Budget.scrubAsked else { return false }
        asked.append(block)
        return true
    }

    /// Begins a pass anew, for every block.
    mutating func askAll() {
        after = BlockID(0)
        met = 0
        next = []
        isRushing = true
    }
}
