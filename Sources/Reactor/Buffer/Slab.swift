/// A fixed number of records that never move: a connection or a stream keeps its index for its
/// life, and operations name it by that.
public struct Slab<Element: ~Copyable>: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0

    private let elements: UnsafeMutablePointer<Element>
    private let used: UnsafeMutablePointer<Bool>
    private let free: UnsafeMutablePointer<Index>

    public typealias Index = RecordIndex<Element>

    public init(capacity: Int) {
        precondition(capacity > 0, "a slab holds something")
        self.capacity = capacity
        elements = .allocate(capacity: capacity)
        used = .allocate(capacity: capacity)
        used.initialize(repeating: false, count: capacity)
        free = .allocate(capacity: capacity)
        for index in 0..<capacity { free[index] = Index(capacity - 1 - index) }
    }

    deinit {
        for index in 0..<capacity where used[index] { (elements + index).deinitialize(count: 1) }
        elements.deallocate()
        used.deallocate()
        free.deallocate()
    }

    public var isFull: Bool { count == capacity }

    /// The new record's index, or `nil` at the bound.
    public mutating func insert(_ element: consuming Element) -> Index? {
        guard count < capacity else { return nil }
        let index = free[capacity - count - 1]
        count += 1
        used[index.place] = true
        (elements + index.place).initialize(to: element)
        return index
    }

    public mutating func remove(_ index: Index) {
        precondition(used[index.place], "a record is removed once")
        used[index.place] = false
        (elements + index.place).deinitialize(count: 1)
        count -= 1
        free[capacity - count - 1] = index
    }

    /// The record, in place. Valid until it is removed.
    @inline(__always)
    public func at(_ index: Index) -> UnsafeMutablePointer<Element> {
        precondition(index.place < capacity && used[index.place], "a live record")
        return elements + index.place
    }

    public func isUsed(_ index: Index) -> Bool { used[index.place] }

    /// Every place, used or free.
    public var places: RecordPlaces<Element> { Index.places(capacity) }
}
