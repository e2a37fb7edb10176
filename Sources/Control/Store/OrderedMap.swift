/// A map whose keys can be walked in order from any point, present or not.
///
/// The order is a list of sorted runs of at most 512 keys, the values are in a dictionary. Finding
/// costs two binary searches; adding and removing move at most one run.
package struct OrderedMap<Key: Hashable & Comparable, Value> {
    private static var longestRun: Int { 512 }

    /// None is empty.
    private var runs: [[Key]] = []
    private var values: [Key: Value] = [:]

    package init() {}

    package var count: Int { values.count }
    package var isEmpty: Bool { values.isEmpty }

    package subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { insert(key) }
            } else if values.removeValue(forKey: key) != nil {
                remove(key)
            }
        }
    }

    package var first: (key: Key, value: Value)? {
        runs.first?.first.flatMap { key in values[key].map { (key, $0) } }
    }

    /// The entries whose keys are `>= start`, in order, at most `limit`.
    package func entries(from start: Key, limit: Int) -> [(key: Key, value: Value)] {
        var found: [(key: Key, value: Value)] = []
        guard limit > 0 else { return found }
        walk(from: start) { key, value in
            found.append((key, value))
            return found.count < limit
        }
        return found
    }

    /// Gives the entries whose keys are `>= start`, in order, until it is answered false.
    package func walk<Failure: Error>(
        from start: Key, _ each: (Key, Value) throws(Failure) -> Bool
    ) throws(Failure) {
        guard !runs.isEmpty else { return }
        var run = place(of: start)
        var index = runs[run].firstIndex(notBelow: start)
        while run < runs.count {
            while index < runs[run].count {
                let key = runs[run][index]
                guard let value = values[key] else {
                    preconditionFailure("an ordered key has a value")
                }
                guard try each(key, value) else { return }
                index += 1
            }
            run += 1
            index = 0
        }
    }

    /// The last key `<= end`.
    package func last(through end: Key) -> Key? {
        guard !runs.isEmpty else { return nil }
        let run = runs[place(of: end)]
        let index = run.firstIndex(notBelow: end)
        if index < run.count, run[index] == end { return end }
        return index > 0 ? run[index - 1] : nil
    }

    /// The last run that begins at or before `key`, else the first.
    private func place(of key: Key) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle][0] <= key { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    private mutating func insert(_ key: Key) {
        guard !runs.isEmpty else {
            runs = [[key]]
            return
        }
        let run = place(of: key)
        let index = runs[run].firstIndex(notBelow: key)
        runs[run].insert(key, at: index)
        guard runs[run].count > Self.longestRun else { return }
        // A run that grows at its end stays full; keys often come in order.
        let cut = index == runs[run].count - 1 ? index : runs[run].count / 2
        let tail = Array(runs[run][cut...])
        runs[run].removeSubrange(cut...)
        runs.insert(tail, at: run + 1)
    }

    private mutating func remove(_ key: Key) {
        let run = place(of: key)
        let index = runs[run].firstIndex(notBelow: key)
        precondition(runs[run][index] == key, "a key with a value is in the order")
        runs[run].remove(at: index)
        if runs[run].isEmpty { runs.remove(at: run) }
    }
}

extension OrderedMap: Sendable where Key: Sendable, Value: Sendable {}
