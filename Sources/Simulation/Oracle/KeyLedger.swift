import Wire

/// A block as its writer knows it when it is sealed.
struct WrittenBlock: Equatable {
    let block: BlockID
    let epoch: Epoch
    let length: Int
    /// Of its first byte in the value.
    let position: Int
    let checksum: UInt32
    /// Head first.
    let chain: [NodeID]
}

/// What every key may hold, kept outside the cluster: the values that were ever to become a key's,
/// in the order in which they were tried, and how far that is decided.
///
/// One client changes a key, one change after another, so the order is known. What is still
/// possible is the newest decided candidate and every undecided one after it; what somebody has
/// read decides.
final class KeyLedger {
    struct Candidate {
        /// `nil`: the key does not exist.
        let value: SimulatedValue?
        var blocks: [WrittenBlock] = []
        /// It did not come to be, and cannot any more.
        var isOut = false
        /// Power cuts before it was begun.
        var cuts: Int
    }

    private struct Entry {
        var candidates: [Candidate]
        /// The newest that is known to have come to be.
        var floor = 0
    }

    private var entries: [String: Entry] = [:]
    /// Power cuts of datanodes so far.
    var cuts = 0
    private(set) var acks = 0

    init(_ keys: [String]) {
        for key in keys { entries[key] = Entry(candidates: [Candidate(value: nil, cuts: 0)]) }
    }

    /// A key that nobody looks at.
    func add(_ key: String) {
        entries[key] = Entry(candidates: [Candidate(value: nil, cuts: cuts)])
    }

    private func entry(_ key: String) -> Entry {
        guard let entry = entries[key] else { preconditionFailure("a key of the simulation") }
        return entry
    }

    func floor(_ key: String) -> Int { entry(key).floor }

    /// A client is about to change a key.
    /// - Returns: the candidate's number.
    func begin(_ key: String, _ value: SimulatedValue?) -> Int {
        entries[key]?.candidates.append(Candidate(value: value, cuts: cuts))
        return entry(key).candidates.count - 1
    }

    /// A candidate's blocks are known.
    func wrote(_ key: String, _ number: Int, _ blocks: [WrittenBlock]) {
        entries[key]?.candidates[number].blocks = blocks
    }

    /// A candidate is another key's value, as old as that.
    func inherit(_ key: String, _ number: Int, _ other: Candidate) {
        entries[key]?.candidates[number].cuts = other.cuts
    }

    /// The client was told that it came to be.
    func acked(_ key: String, _ number: Int) {
        acks += 1
        saw(key, number)
    }

    /// The client was told that it did not come to be.
    func failed(_ key: String, _ number: Int) { entries[key]?.candidates[number].isOut = true }

    /// What a key may hold now, for one whose view began at `since`; each with its number.
    func possible(_ key: String, since: Int? = nil) -> [(number: Int, candidate: Candidate)] {
        let entry = entry(key)
        let start = since ?? entry.floor
        return entry.candidates.enumerated().dropFirst(start).filter { !$0.element.isOut }
            .map { ($0.offset, $0.element) }
    }

    /// Somebody saw one of them.
    func saw(_ key: String, _ number: Int) {
        let floor = max(floor(key), number)
        entries[key]?.floor = floor
    }

    /// What a key holds, when that is decided.
    func known(_ key: String) -> Candidate? {
        let possible = possible(key)
        return possible.count == 1 ? possible[0].candidate : nil
    }
}
