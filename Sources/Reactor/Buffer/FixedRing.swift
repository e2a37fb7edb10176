/// A first-in, first-out queue of a fixed capacity that never allocates after its making.
public struct FixedRing<Element: BitwiseCopyable>: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0
    private var head = 0
    private let elements: UnsafeMutablePointer<Element>

    public init(capacity: Int) {
        precondition(capacity > 0, "a ring holds something")
        self.capacity = capacity
        elements = .allocate(capacity: capacity)
    }

    deinit { elements.deallocate() }

    public var isEmpty: Bool { count == 0 }
    public var isFull: Bool { count == capacity }

    public mutating func append(_ element: Element) {
        precondition(count < capacity, "a ring is not filled beyond its bound")
        elements[(head + count) % capacity] = element
        count += 1
    }

    public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = elements[head]
        head = (head + 1) % capacity
        count -= 1
        return element
    }

    /// The element `position` places behind the first.
    public subscript(position: Int) -> Element {
        get {
            precondition(position < count, "an element of the ring")
            return elements[(head + position) % capacity]
        }
        set {
            precondition(position < count, "an element of the ring")
            elements[(head + position) % capacity] = newValue
        }
    }
}
