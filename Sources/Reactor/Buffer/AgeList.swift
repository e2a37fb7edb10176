/// Places of a slab in the order in which they were added; any of them may leave at any time. Every
/// step costs the same few instructions, and nothing is allocated after its making.
public struct AgeList: ~Copyable {
    private struct Link {
        var older: Int32 = -1
        var newer: Int32 = -1
        var isListed = false
    }

    public private(set) var count = 0
    private let links: UnsafeMutablePointer<Link>
    private let places: Int
    private var first: Int32 = -1
    private var last: Int32 = -1

    public init(places: Int) {
        self.places = places
        links = .allocate(capacity: places)
        links.initialize(repeating: Link(), count: places)
    }

    deinit { links.deallocate() }

    /// The place that was added before all others that are left.
    public var oldest: Int32? { first < 0 ? nil : first }
    /// The place that was added after all others.
    public var newest: Int32? { last < 0 ? nil : last }

    /// The place that was added just before a listed one.
    public func older(than place: Int32) -> Int32? {
        precondition(links[Int(place)].isListed, "a place that is listed")
        return links[Int(place)].older < 0 ? nil : links[Int(place)].older
    }

    public mutating func add(_ place: Int32) {
        precondition(place >= 0 && Int(place) < places, "a place of the list")
        precondition(!links[Int(place)].isListed, "a place is listed once")
        links[Int(place)] = Link(older: last, newer: -1, isListed: true)
        if last >= 0 { links[Int(last)].newer = place } else { first = place }
        last = place
        count += 1
    }

    /// Takes a place out; one that is not listed costs nothing.
    public mutating func remove(_ place: Int32) {
        precondition(place >= 0 && Int(place) < places, "a place of the list")
        let link = links[Int(place)]
        guard link.isListed else { return }
        if link.older >= 0 { links[Int(link.older)].newer = link.newer } else { first = link.newer }
        if link.newer >= 0 { links[Int(link.newer)].older = link.older } else { last = link.older }
        links[Int(place)] = Link()
        count -= 1
    }
}
