import Wire

/// When values were last opened: whoever got a token then may still be reading.
///
/// Bounded: two generations of `most` values, of which the older is dropped whole. A value that is
/// not remembered counts as opened when the youngest of those that were dropped may have been.
struct OpenedValues: Sendable {
    private let most: Int
    private var young: [ValueID: Int64] = [:]
    private var old: [ValueID: Int64] = [:]
    /// When `old` was the young one last.
    private var turned = Int64.min
    private var forgotten: Int64?

    init(most: Int) { self.most = most }

    /// Tokens may have been given until then of which nothing is known.
    mutating func forget(before moment: Int64) { forgotten = moment }

    mutating func open(_ value: ValueID, at now: Int64) {
        if young.count >= most, young[value] == nil {
            if !old.isEmpty { forgotten = turned }
            old = young
            young = [:]
            turned = now
        }
        young[value] = now
    }

    func lastOpen(of value: ValueID) -> Int64? { young[value] ?? old[value] ?? forgotten }
}
