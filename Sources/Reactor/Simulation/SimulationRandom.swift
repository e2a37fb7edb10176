import System

/// The generator behind everything a simulation draws: xoshiro256** (Blackman and Vigna, "Scrambled
/// linear pseudorandom number generators", 2021), its state filled by SplitMix64 from one seed.
///
/// Ours, and not the standard library's, so that a seed printed by a failing run reproduces it bit
/// for bit with any later compiler.
public struct SimulationRandom: RandomNumberGenerator, Sendable {
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    public init(seed: UInt64) {
        var state = Seeded(seed)
        first = state.next()
        second = state.next()
        third = state.next()
        fourth = state.next()
    }

    public mutating func next() -> UInt64 {
        let scaled = second &* 5
        let result = ((scaled << 7) | (scaled >> 57)) &* 9
        let shifted = second << 17
        third ^= first
        fourth ^= second
        second ^= third
        first ^= fourth
        third ^= shifted
        fourth = (fourth << 45) | (fourth >> 19)
        return result
    }

    /// True with probability `rate`. A rate of 0 draws nothing, so that switching a fault off does
    /// not move the draws of the others.
    public mutating func chance(_ rate: Double) -> Bool {
        guard rate > 0 else { return false }
        return Double(next() >> 11) * 0x1p-53 < rate
    }

    /// A number from 0 up to and without `bound`, which is at least 1.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a draw is from at least one number")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number of `range`, both ends included; the range is shorter than 2^64.
    public mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        let span = range.upperBound - range.lowerBound
        guard span > 0 else { return range.lowerBound }
        return range.lowerBound + next().multipliedFullWidth(by: span + 1).high
    }

    /// One of `choices`, which is not empty.
    public mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[below(choices.count)]
    }
}
