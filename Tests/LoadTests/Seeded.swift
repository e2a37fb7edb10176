import Load

/// Bytes that are not the pattern's.
func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix(seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
}
