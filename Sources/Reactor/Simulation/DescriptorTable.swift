/// A table of what is open, as the kernel keeps it: the lowest free number is taken, closing frees
/// it.
struct DescriptorTable<Entry> {
    private var entries: [Entry?] = []
    private var lowestFree = 0
    let capacity: Int
    /// The number of the first entry: a process has 0, 1 and 2 open already.
    let first: Int

    init(capacity: Int, first: Int = 0) {
        self.capacity = capacity
        self.first = first
    }

    subscript(number: Int32) -> Entry? {
        let index = Int(number) - first
        return index >= 0 && index < entries.count ? entries[index] : nil
    }

    /// - Returns: the entry's number, or `nil` when the table is full.
    mutating func insert(_ entry: Entry) -> Int32? {
        while lowestFree < entries.count, entries[lowestFree] != nil { lowestFree += 1 }
        guard lowestFree < capacity else { return nil }
        if lowestFree == entries.count { entries.append(nil) }
        entries[lowestFree] = entry
        return Int32(lowestFree + first)
    }

    mutating func remove(_ number: Int32) -> Entry? {
        guard let entry = self[number] else { return nil }
        let index = Int(number) - first
        entries[index] = nil
        lowestFree = min(lowestFree, index)
        return entry
    }

    /// Everything open, lowest number first.
    var all: [(number: Int32, entry: Entry)] {
        entries.indices.compactMap { index in
            entries[index].map { (Int32(index + first), $0) }
        }
    }
}
