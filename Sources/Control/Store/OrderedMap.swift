import SortedCollections

/// A map whose keys can be walked in order from any point, present or not.
///
/// swift-collections' SortedDictionary finds exact keys only; its SortedSet seeks. So the order is
/// kept in a SortedSet (a B-tree) and the values in a Dictionary. Every operation costs O(log n).
package struct OrderedMap<Key: Hashable & Comparable, Value> {
    private var order = SortedSet<Key>()
    private var values: [Key: Value] = [:]

    package init() {}

    package var count: Int { values.count }
    package var isEmpty: Bool { values.isEmpty }

    package subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { order.insert(key) }
            } else if values.removeValue(forKey: key) != nil {
                order.remove(key)
            }
        }
    }

    package var first: (key: Key, value: Value)? {
        order.first.flatMap { key in values[key].map { (key, $0) } }
    }

    /// The entries whose keys are `>= start`, in order, at most `limit`.
    package func entries(from start: Key, limit: Int) -> [(key: Key, value: Value)] {
        guard limit > 0 else { return [] }
        var found: [(key: Key, value: Value)] = []
        for key in order[start...] {
            guard let value = values[key] else { preconditionFailure("an ordered key has a value") }
            found.append((key, value))
            if found.count == limit { break }
        }
        return found
    }

    /// The last key `<= end`.
    package func last(through end: Key) -> Key? { order[...end].last }
}

extension OrderedMap: Sendable where Key: Sendable, Value: Sendable {}
