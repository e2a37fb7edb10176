/// Places of a slab in the order in which they were added; any of them may leave at any time. Every
/// step costs the same few instructions, and nothing is allocated after its making.
public struct AgeList<Record: ~Copyable>: ~Copyable {
    public typealias Index = RecordIndex<Record>

    private struct Link {
        var older: Index?
        var newer: Index?
        var isListed = false
    }

    public private(set) var count = 0
    private let links: UnsafeMutablePointer<Link>
    private let places: Int
    /// The place that was added before all others that are left.
    public private(set) var oldest: Index?
    /// The place that was added after all others.
    public private(set) var newest: Index?

    public init(places: Int) {
        self.places = places
        links = .allocate(capacity: places)
        links.initialize(repeating: Link(), count: places)
    }

    deinit { links.deallocate() }

    /// The place that was added just before a listed one.
    public func older(than index: Index) -> Index? {
        precondition(links[index.place].isListed, "a place that is listed")
        return links[index.place].older
    }

    public mutating func add(_ index: Index) {
        precondition(index.place < places, "a place of the list")
        precondition(!links[index.place].isListed, "a place is listed once")
        links[index.place] = Link(older: newest, isListed: true)
        if let newest { links[newest.place].newer = index } else { oldest = index }
        newest = index
        count += 1
    }

    /// Takes a place out; one that is not listed costs nothing.
    public mutating func remove(_ index: Index) {
        precondition(index.place < places, "a place of the list")
        let link = links[index.place]
        guard link.isListed else { return }
        if let older = link.older {
            links[older.place].newer = link.newer
        } else {
            oldest = link.newer
        }
        if let newer = link.newer {
            links[newer.place].older = link.older
        } else {
            newest = link.older
        }
        links[index.place] = Link()
        count -= 1
    }
}
