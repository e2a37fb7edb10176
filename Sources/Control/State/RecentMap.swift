/// A bounded map of what was used lately: two generations, of which the older is dropped whole when
/// the younger is full. Costs no list of uses.
struct RecentMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let most: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// - Parameter most: entries of one generation.
    init(most: Int) { self.most = most }

    mutating func find(_ key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old[key] else { return nil }
        keep(key, value)
        return value
    }

    mutating func keep(_ key: Key, _ value: Value) {
        if young.count >= most, young[key] == nil {
            old = young
            young = [:]
        }
        young[key] = value
    }

    mutating func drop(_ key: Key) {
        young[key] = nil
        old[key] = nil
    }

    mutating func removeAll() {
        young = [:]
        old = [:]
    }
}
