/// Who waits for something that is used up, first come first served, each at most once.
///
/// It names places of a slab, not records: a record that ends while it waits leaves its place in
/// the list, and whoever is in that place when its turn comes is asked. So the list never holds
/// more than there are places.
public struct WaitList: ~Copyable {
    private var queue: FixedRing<Int>
    private let isListed: UnsafeMutablePointer<Bool>

    public init(places: Int) {
        queue = FixedRing(capacity: places)
        isListed = .allocate(capacity: places)
        isListed.initialize(repeating: false, count: places)
    }

    deinit { isListed.deallocate() }

    public var count: Int { queue.count }
    public var isEmpty: Bool { queue.isEmpty }

    public func contains(_ place: Int) -> Bool { isListed[place] }

    /// `false` when the place is in the list already.
    @discardableResult
    public mutating func add(_ place: Int) -> Bool {
        guard !isListed[place] else { return false }
        isListed[place] = true
        queue.append(place)
        return true
    }

    public mutating func popFirst() -> Int? {
        guard let place = queue.popFirst() else { return nil }
        isListed[place] = false
        return place
    }
}
