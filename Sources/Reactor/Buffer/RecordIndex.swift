/// The place of a record among those of its kind, as a slab or a pool hands it out.
///
/// It names the place and not the record: whoever keeps one beyond the record's life asks whether
/// the place is used. Indices of two kinds are of two types, so that a stream is never taken for a
/// connection; where there is none it is `nil`. An operation carries it as its `owner`.
@frozen
public struct RecordIndex<Record: ~Copyable> {
    /// As an operation's owner carries it.
    public let owner: UInt32

    @inlinable
    public init(owner: UInt32) { self.owner = owner }

    /// - Parameter place: from 0, below 2^31.
    @inlinable
    public init(_ place: Int) { owner = UInt32(place) }

    @inlinable
    public var place: Int {
        @inline(__always) get { Int(owner) }
    }

    /// Every place of a table of `capacity` records.
    @inlinable
    public static func places(_ capacity: Int) -> RecordPlaces<Record> {
        RecordPlaces(count: UInt32(capacity))
    }
}

/// Every place of a table, from the first on, used or free.
@frozen
public struct RecordPlaces<Record: ~Copyable>: Sequence, IteratorProtocol {
    @usableFromInline
    var reached: UInt32 = 0
    @usableFromInline
    let count: UInt32

    @inlinable
    init(count: UInt32) { self.count = count }

    @inlinable
    public mutating func next() -> RecordIndex<Record>? {
        guard reached < count else { return nil }
        defer { reached += 1 }
        return RecordIndex(owner: reached)
    }
}

extension RecordIndex: Equatable where Record: ~Copyable {}
extension RecordIndex: Hashable where Record: ~Copyable {}
extension RecordIndex: BitwiseCopyable where Record: ~Copyable {}
extension RecordIndex: Sendable where Record: ~Copyable {}

extension RecordIndex: CustomStringConvertible where Record: ~Copyable {
    public var description: String { String(owner) }
}
