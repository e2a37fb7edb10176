import Wire

/// Changes that no finished commit covers: what a transaction will write, and what reads look at
/// first. Of each row only its last state is kept, so that a row changed twice is written once.
package struct Pending: Sendable {
    struct BlockChange: Sendable {
        /// The row that is there when the transaction begins.
        let before: BlockInfo?
        var after: BlockInfo?
    }

    struct Outcome: Sendable {
        let name: RequestName
        let sequence: UInt64
        let reply: [UInt8]
    }

    /// `nil` inside: the key is gone.
    private(set) var keys: [Key: KeyRecord?] = [:]
    private(set) var blocks: [BlockID: BlockChange] = [:]
    /// The blocks in `blocks`, by the value they were or are of.
    private(set) var touched: [ValueID: Set<BlockID>] = [:]
    private(set) var doomed: Set<BlockID> = []
    /// By the value they write; `nil` inside: the lease is over.
    private(set) var leases: [ValueID: LeaseRecord?] = [:]
    var outcomes: [Outcome] = []
    var nodes: [NodeID] = []
    var signing: SigningKeys.Saved?
    var history: NamespaceHistory?
    /// As it is after all of this; set when the transaction is closed.
    var state: StoreState

    /// Made when somebody walks the keys, and kept until they change.
    private var ordered: [Key]?

    init(state: StoreState) { self.state = state }

    mutating func put(_ key: Key, _ record: KeyRecord?) {
        if keys.updateValue(record, forKey: key) == nil { ordered = nil }
    }

    mutating func put(_ lease: LeaseRecord?, value: ValueID) {
        leases.updateValue(lease, forKey: value)
    }

    /// - Parameter before: what the reads below this transaction say.
    mutating func put(_ block: BlockID, _ after: BlockInfo?, before: BlockInfo?) {
        let before = blocks[block].map { $0.before } ?? before
        blocks[block] = BlockChange(before: before, after: after)
        for value in [before?.value, after?.value] {
            if let value { touched[value, default: []].insert(block) }
        }
        if after?.isDoomed == true { doomed.insert(block) } else { doomed.remove(block) }
    }

    /// Changed keys in order from `start`.
    mutating func keys(from start: Key) -> ArraySlice<Key> {
        let all = ordered ?? keys.keys.sorted()
        ordered = all
        return all[all.firstIndex(notBelow: start)...]
    }
}

extension Array where Element: Comparable {
    /// The first index whose element is `>= bound`, of a sorted array.
    func firstIndex(notBelow bound: Element) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < bound { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
