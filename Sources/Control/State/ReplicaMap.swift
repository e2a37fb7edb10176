import Wire

/// Which nodes hold which block: soft state, from reports and receipts, with its counts kept as it
/// changes.
///
/// Block numbers are given in order, so that a copy is found by its block's number: pages of 1,024
/// blocks, each with room for four copies of 32 bits. That is 16 bytes a block in a full page, and
/// one page of 16 KiB at least for what is left of a page whose other blocks are deleted. Fifth
/// copies, and lengths of blocks that are still open, are kept aside.
package struct ReplicaMap: Sendable {
    package struct Holder: Sendable, Equatable {
        package let node: NodeID
        package var sealed: Bool
        /// As it was said while the block was open; later it is the block's own.
        package var length: UInt64
        /// The node said so itself; else a receipt of its chain did.
        package var reported: Bool
    }

    private typealias Page = [SIMD4<UInt32>]
    private static let pageBlocks: UInt64 = 1_024

    private var pages: [UInt64: Page] = [:]
    private var used: [UInt64: Int] = [:]
    private var extra: [BlockID: [UInt32]] = [:]
    /// Of blocks that no count looks at yet, by the copy's slot.
    private var lengths: [BlockID: [UInt32: UInt64]] = [:]
    private var slots: [NodeID: UInt32] = [:]
    private var nodes: [NodeID] = []
    /// Copies said in an earlier generation of their node are to be forgotten.
    private var generations: [UInt32] = []
    private var counts: [Int] = []
    /// Pages that may have such copies.
    private var unswept: [UInt64] = []
    private var sweptBlocks: UInt64 = 0
    /// Sealed blocks with at least one sealed copy known.
    package private(set) var available = 0
    /// Sealed blocks with as many as they want.
    package private(set) var whole = 0

    package init() {}

    // MARK: A copy in 32 bits

    /// 12 bits of slot + 1, 8 of generation, then sealed, reported, and 3 of copies wanted.
    private static let slotMask: UInt32 = 0xfff
    private static let generationMask: UInt32 = 0xff
    private static let generationShift: UInt32 = 12
    private static let sealedBit: UInt32 = 1 << 20
    private static let reportedBit: UInt32 = 1 << 21
    private static let wantedShift: UInt32 = 22

    /// Nodes that the map can tell apart.
    package static let mostNodes = Int(slotMask) - 1

    private mutating func slot(_ node: NodeID) -> UInt32 {
        if let slot = slots[node] { return slot }
        precondition(nodes.count < Self.mostNodes, "the bound on nodes is lower")
        let slot = UInt32(nodes.count)
        slots[node] = slot
        nodes.append(node)
        generations.append(0)
        counts.append(0)
        return slot
    }

    private func copy(of node: UInt32, in copies: [UInt32]) -> Int? {
        copies.firstIndex { $0 & Self.slotMask == node + 1 }
    }

    private func isCurrent(_ copy: UInt32) -> Bool {
        let slot = Int(copy & Self.slotMask) - 1
        return copy >> Self.generationShift & Self.generationMask
            == generations[slot] & Self.generationMask
    }

    private func holder(_ copy: UInt32, _ block: BlockID) -> Holder {
        let slot = (copy & Self.slotMask) - 1
        return Holder(
            node: nodes[Int(slot)], sealed: copy & Self.sealedBit != 0,
            length: lengths[block]?[slot] ?? 0, reported: copy & Self.reportedBit != 0)
    }

    // MARK: Rows

    private func copies(_ block: BlockID) -> [UInt32] {
        let (page, index) = block.number.quotientAndRemainder(dividingBy: Self.pageBlocks)
        guard let row = pages[page]?[Int(index)], row[0] != 0 else { return [] }
        var found: [UInt32] = []
        for place in 0..<4 where row[place] != 0 { found.append(row[place]) }
        return found + (extra.isEmpty ? [] : extra[block] ?? [])
    }

    private mutating func set(_ copies: [UInt32], _ block: BlockID, had: Bool) {
        let (page, index) = block.number.quotientAndRemainder(dividingBy: Self.pageBlocks)
        var row = SIMD4<UInt32>()
        for (place, copy) in copies.prefix(4).enumerated() { row[place] = copy }
        if pages[page] == nil {
            if copies.isEmpty { return }
            pages[page] = Page(repeating: SIMD4(), count: Int(Self.pageBlocks))
        }
        pages[page]?[Int(index)] = row
        if copies.count > 4 {
            extra[block] = Array(copies[4...])
        } else if !extra.isEmpty {
            extra[block] = nil
        }
        if had != !copies.isEmpty { used[page, default: 0] += had ? -1 : 1 }
        if used[page] == 0 {
            used[page] = nil
            pages[page] = nil
        }
    }

    /// - Parameter step: 1 to add these copies to the counts, -1 to take them off.
    private mutating func count(_ copies: [UInt32], by step: Int) {
        for copy in copies where isCurrent(copy) { counts[Int(copy & Self.slotMask) - 1] += step }
        guard let wanted = copies.first.map({ Int($0 >> Self.wantedShift & 7) }), wanted > 0 else {
            return
        }
        let sealed = copies.count { $0 & Self.sealedBit != 0 }
        if sealed > 0 { available += step }
        if sealed >= wanted { whole += step }
    }

    private mutating func change(_ block: BlockID, _ edit: (inout [UInt32]) -> Void) {
        var copies = copies(block)
        let had = !copies.isEmpty
        count(copies, by: -1)
        edit(&copies)
        count(copies, by: 1)
        set(copies, block, had: had)
    }

    // MARK: What is known

    /// Empty when nobody is known to hold it.
    package func holders(of block: BlockID) -> [Holder] {
        copies(block).map { holder($0, block) }
    }

    package func holds(_ node: NodeID, _ block: BlockID) -> Holder? {
        guard let slot = slots[node] else { return nil }
        let copies = copies(block)
        return copy(of: slot, in: copies).map { holder(copies[$0], block) }
    }

    /// Copies that the node has said it holds, or a receipt vouched for, since it registered last.
    package func count(of node: NodeID) -> Int { slots[node].map { counts[Int($0)] } ?? 0 }

    /// Adds or replaces what is known of one copy.
    /// - Parameter wanted: sealed copies that the block should have; 0 while it is open, which no
    ///   count looks at.
    package mutating func put(_ new: Holder, of block: BlockID, wanted: Int) {
        precondition(Limits.chainNodes.contains(wanted) || wanted == 0, "a chain has 1 to 5 nodes")
        let slot = slot(new.node)
        var copy = slot + 1
        copy |= (generations[Int(slot)] & Self.generationMask) << Self.generationShift
        if new.sealed { copy |= Self.sealedBit }
        if new.reported { copy |= Self.reportedBit }
        let wants = UInt32(wanted) << Self.wantedShift
        change(block) { copies in
            copies.removeAll { $0 & Self.slotMask == slot + 1 }
            copies.append(copy)
            for place in copies.indices {
                copies[place] = copies[place] & ~(7 << Self.wantedShift) | wants
            }
        }
        if wanted > 0 {
            if !lengths.isEmpty { lengths[block] = nil }
        } else {
            lengths[block, default: [:]][slot] = new.length
        }
    }

    package mutating func remove(_ node: NodeID, from block: BlockID) {
        guard let slot = slots[node], copy(of: slot, in: copies(block)) != nil else { return }
        change(block) { $0.removeAll { $0 & Self.slotMask == slot + 1 } }
        forgetLength(of: slot, block)
    }

    private mutating func forgetLength(of slot: UInt32, _ block: BlockID) {
        guard !lengths.isEmpty, lengths[block]?.removeValue(forKey: slot) != nil else { return }
        if lengths[block]?.isEmpty == true { lengths[block] = nil }
    }

    /// Forgets a block and answers who held it.
    package mutating func forget(_ block: BlockID) -> [Holder] {
        let held = holders(of: block)
        guard !held.isEmpty else { return [] }
        change(block) { $0 = [] }
        lengths[block] = nil
        return held
    }

    // MARK: Nodes that went away

    /// What this node held is to be forgotten, unless it is said again; `sweep` does it bit by bit.
    package mutating func retire(_ node: NodeID) {
        guard let slot = slots[node] else { return }
        generations[Int(slot)] &+= 1
        counts[Int(slot)] = 0
        unswept = Array(pages.keys)
        sweptBlocks = 0
    }

    /// Looks at so many blocks for copies to be forgotten.
    package mutating func sweep(_ blocks: Int) {
        var left = blocks
        while left > 0, let page = unswept.last {
            let block = BlockID(page * Self.pageBlocks + sweptBlocks)
            let copies = copies(block)
            if !copies.allSatisfy({ isCurrent($0) }) {
                let gone = copies.filter { !isCurrent($0) }
                change(block) { $0.removeAll { gone.contains($0) } }
                for copy in gone { forgetLength(of: (copy & Self.slotMask) - 1, block) }
            }
            if !copies.isEmpty { left -= 1 }
            sweptBlocks += 1
            if sweptBlocks == Self.pageBlocks || pages[page] == nil {
                unswept.removeLast()
                sweptBlocks = 0
                left -= 1
            }
        }
    }
}
