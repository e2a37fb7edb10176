/// A fixed number of records that never move: a connection or a stream keeps its index for its
/// life, and operations name it by that.
public struct Slab<Element: ~Copyable>: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0

    private let elements: UnsafeMutablePointer<Element>
    private let used: UnsafeMutablePointer<Bool>
    private let free: UnsafeMutablePointer<Int32>

    public init(capacity: Int) {
        precondition(capacity > 0, "a slab holds something")
        self.capacity = capacity
        elements = .allocate(capacity: capacity)
        used = .allocate(capacity: capacity)
        used.initialize(repeating: false, count: capacity)
        free = .allocate(capacity: capacity)
        for index in 0..<capacity { free[index] = Int32(capacity - 1 - index) }
    }

    deinit {
        for index in 0..<capacity where used[index] { (elements + index).deinitialize(count: 1) }
        elements.deallocate()
        used.deallocate()
        free.deallocate()
    }

    public var isFull: Bool { count == capacity }

    /// The new record's index, or `nil` at the bound.
    public mutating func insert(_ element: consuming Element) -> Int32? {
        guard count < capacity else { return nil }
        let index = free[capacity - count - 1]
        count += 1
        used[Int(index)] = true
        (elements + Int(index)).initialize(to: element)
        return index
    }

    public mutating func remove(_ index: Int32) {
        precondition(used[Int(index)], "a record is removed once")
        used[Int(index)] = false
        (elements + Int(index)).deinitialize(count: 1)
        count -= 1
        free[capacity - count - 1] = index
    }

    /// The record, in place. Valid until it is removed.
    @inline(__always)
    public func at(_ index: Int32) -> UnsafeMutablePointer<Element> {
        precondition(index >= 0 && index < Int32(capacity) && used[Int(index)], "a live record")
        return elements + Int(index)
    }

    public func isUsed(_ index: Int32) -> Bool { used[Int(index)] }
}
