/// How often numbers of each size came: 24 buckets, of which each reaches twice as far as the one
/// before, and one for what is beyond. It takes no memory but its own.
package struct Histogram: MetricField {
    package static let bounded = 24

    /// log2 of the first bucket's bound.
    private let first: Int
    private var buckets = InlineArray<25, UInt64>(repeating: 0)
    private var total: UInt64 = 0

    /// - Parameter first: the largest number of the first bucket, a power of two.
    package init(first: UInt64) {
        precondition(first.nonzeroBitCount == 1, "bounds are powers of two")
        self.first = first.trailingZeroBitCount
        precondition(self.first + Self.bounded < 64, "the last bound is a number too")
    }

    package mutating func record(_ number: UInt64) {
        buckets[place(of: number)] &+= 1
        total &+= number
    }

    /// A bound belongs to the bucket below it.
    private func place(of number: UInt64) -> Int {
        guard number > 1 else { return 0 }
        let bits = UInt64.bitWidth - (number - 1).leadingZeroBitCount
        return min(max(bits - first, 0), Self.bounded)
    }

    package var count: UInt64 { buckets.indices.reduce(0) { $0 &+ buckets[$1] } }

    package static var kind: MetricKind { .histogram }

    package mutating func add(_ other: Histogram) {
        precondition(first == other.first, "one field has one set of buckets")
        for index in buckets.indices { buckets[index] &+= other.buckets[index] }
        total &+= other.total
    }

    package func value(in unit: MetricUnit) -> MetricValue {
        .histogram(
            bounds: (0..<Self.bounded).map { Double(UInt64(1) << (first + $0)) * unit.scale },
            counts: buckets.indices.map { buckets[$0] }, sum: Double(total) * unit.scale)
    }
}
