import Glibc

/// The kernel's randomness, 256 bytes a call: a namenode draws several numbers for every request.
package struct BufferedRandom: RandomNumberGenerator, Sendable {
    private static let count = 32

    private var numbers: [UInt64] = []

    package init() { numbers.reserveCapacity(Self.count) }

    package mutating func next() -> UInt64 {
        if numbers.isEmpty { refill() }
        return numbers.removeLast()
    }

    private mutating func refill() {
        numbers.append(contentsOf: repeatElement(0, count: Self.count))
        // glibc's reads getrandom(2) every time, and ends the process when there is none.
        numbers.withUnsafeMutableBytes { memory in
            if let start = memory.baseAddress { arc4random_buf(start, memory.count) }
        }
    }
}

/// Where challenges come from: the kernel, or a generator that a simulation has seeded.
public struct ChallengeRandom: RandomNumberGenerator, Sendable {
    private var source: any RandomNumberGenerator & Sendable

    public init() { source = BufferedRandom() }

    public init(_ source: any RandomNumberGenerator & Sendable) { self.source = source }

    public mutating func next() -> UInt64 { source.next() }
}
