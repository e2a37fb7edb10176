/// The walk of a LIST through the ordered keys: which ones show, as what, and where to look next.
///
/// What shows, key or common prefix, comes after `startAfter` bytewise; so the last name of one
/// page is the next page's `startAfter`.
package struct ListWalk: Sendable {
    package struct Item: Sendable, Equatable {
        package let name: [UInt8]
        package let isPrefix: Bool
    }

    private let prefix: [UInt8]
    private let delimiter: [UInt8]
    /// Keys before it have been seen or are to be skipped; `nil` at the end.
    package private(set) var next: Key?

    package init(prefix: [UInt8], startAfter: [UInt8], delimiter: [UInt8]) {
        self.prefix = prefix
        self.delimiter = delimiter
        let first = Key(point: prefix)
        let after = Key(point: startAfter)
        next = startAfter.isEmpty ? first : max(first, after.next)
        // A common prefix at or before `startAfter` has been shown, with all that is behind it.
        if startAfter.starts(with: prefix), let common = commonPrefix(of: startAfter) {
            next = Key.after(prefix: common)
        }
    }

    /// What `key` shows as, or `nil` when it does not. Keys come in order, none left out from
    /// `next` on.
    package mutating func take(_ key: Key) -> Item? {
        guard let from = next, key >= from else { return nil }
        guard key.bytes.starts(with: prefix) else {
            next = nil
            return nil
        }
        guard let common = commonPrefix(of: key.bytes) else {
            next = key.next
            return Item(name: key.bytes, isPrefix: false)
        }
        next = Key.after(prefix: common)
        return Item(name: common, isPrefix: true)
    }

    /// There are no more keys.
    package mutating func end() { next = nil }

    private func commonPrefix(of name: [UInt8]) -> [UInt8]? {
        guard !delimiter.isEmpty, name.count >= prefix.count + delimiter.count else { return nil }
        for start in prefix.count...(name.count - delimiter.count)
        where name[start..<start + delimiter.count].elementsEqual(delimiter) {
            return Array(name[..<(start + delimiter.count)])
        }
        return nil
    }
}
