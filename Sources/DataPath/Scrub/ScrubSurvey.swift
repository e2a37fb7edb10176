import Wire

/// What a device has to scrub, from one walk over the index, which is made once a minute and after
/// every 1,024 blocks.
struct ScrubSurvey: Equatable {
    static let batch = 1_024

    /// Sealed blocks of the device, their bytes, and how many are numbered up to the cursor.
    private(set) var blocks: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var met: UInt64 = 0
    /// The next ones in the order of their numbers.
    private(set) var next: [BlockID] = []

    init(of index: BlockIndex, device: Int, after: BlockID) {
        for (block, record) in index.records
        where record.device == device && record.state == .sealed {
            blocks += 1
            bytes &+= ScrubCheck.cost(length: record.length)
            if block > after { next.append(block) } else { met += 1 }
            if next.count == 2 * Self.batch { trim() }
        }
        trim()
    }

    private mutating func trim() {
        next.sort()
        if next.count > Self.batch { next.removeLast(next.count - Self.batch) }
    }
}
