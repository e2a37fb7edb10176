import Wire

/// Which nodes hold which block: soft state, from reports and receipts, with its counts kept as it
/// changes.
package struct ReplicaMap: Sendable {
    package struct Holder: Sendable, Equatable {
        package let node: NodeID
        package var sealed: Bool
        package var length: UInt64
        /// The node said so itself; else a receipt of its chain did.
        package var reported: Bool
    }

    package struct Entry: Sendable {
        /// Sealed copies the block should have; 0 while it is open, which no count looks at.
        package var wanted = 0
        package var holders: [Holder] = []

        var copies: Int { holders.count { $0.sealed } }
    }

    private var entries: [BlockID: Entry] = [:]
    /// Sealed blocks with at least one sealed copy known.
    package private(set) var available = 0
    /// Sealed blocks with as many as they want.
    package private(set) var whole = 0

    package init() {}

    package subscript(block: BlockID) -> Entry? { entries[block] }

    package func holds(_ node: NodeID, _ block: BlockID) -> Holder? {
        entries[block]?.holders.first { $0.node == node }
    }

    /// Adds or replaces what is known of one copy.
    package mutating func put(_ holder: Holder, of block: BlockID, wanted: Int) {
        change(block) { entry in
            entry.wanted = wanted
            entry.holders.removeAll { $0.node == holder.node }
            entry.holders.append(holder)
        }
    }

    package mutating func remove(_ node: NodeID, from block: BlockID) {
        guard entries[block] != nil else { return }
        change(block) { $0.holders.removeAll { $0.node == node } }
    }

    /// Forgets a block and answers who held it.
    package mutating func forget(_ block: BlockID) -> [Holder] {
        guard let entry = entries.removeValue(forKey: block) else { return [] }
        count(entry, by: -1)
        return entry.holders
    }

    private mutating func change(_ block: BlockID, _ edit: (inout Entry) -> Void) {
        var entry = entries.removeValue(forKey: block) ?? Entry()
        count(entry, by: -1)
        edit(&entry)
        count(entry, by: 1)
        if !entry.holders.isEmpty { entries[block] = entry }
    }

    private mutating func count(_ entry: Entry, by step: Int) {
        guard entry.wanted > 0 else { return }
        let copies = entry.copies
        if copies > 0 { available += step }
        if copies >= entry.wanted { whole += step }
    }
}
