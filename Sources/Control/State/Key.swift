import Wire

/// A name in the namespace: 1 to 1,024 bytes of UTF-8, ordered bytewise.
///
/// Swift compares strings by canonical equivalence; keys are compared by their bytes, so that two
/// spellings of one accent are two keys and the order is the one every other language computes.
package struct Key: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// `nil` when the count of bytes is out of bounds.
    package init?(_ text: String) {
        guard Limits.keyBytes.contains(text.utf8.count) else { return nil }
        bytes = Array(text.utf8)
    }

    /// A point in the order, which need not be a key.
    package init(point bytes: [UInt8]) { self.bytes = bytes }

    /// All bytes in one go: an array would give the hasher each of them alone.
    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    package static func < (left: Key, right: Key) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The first point after this key.
    package var next: Key { Key(point: bytes + [0]) }

    /// The first point after everything that begins with `prefix`. UTF-8 has no byte 0xff, so the
    /// last byte can always be raised; `nil` for an empty prefix, which nothing comes after.
    package static func after(prefix: [UInt8]) -> Key? {
        guard let last = prefix.last, last < 0xff else { return nil }
        return Key(point: prefix.dropLast() + [last + 1])
    }
}
