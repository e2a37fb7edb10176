/// What happened in a run, as one number: equal for equal runs, in any process. On demand also as
/// lines to read.
package struct SimulationTrace {
    package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    package private(set) var events: UInt64 = 0
    /// Gets each event as a line.
    package var print: ((String) -> Void)?

    package init(print: ((String) -> Void)? = nil) { self.print = print }

    /// - Parameter values: everything that two equal runs have equal.
    package mutating func note(
        _ time: UInt64, _ values: [UInt64], _ text: @autoclosure () -> String
    ) {
        events += 1
        mix(time)
        for value in values { mix(value) }
        print?("\(time / 1_000_000).\(String(time / 1_000 % 1_000 + 1_000).dropFirst()) \(text())")
    }

    package mutating func mix(_ word: UInt64) {
        hash = (hash ^ word) &* 0x100_0000_01b3
        hash ^= hash >> 31
    }

    /// A text's part of a hash, the same in every process.
    package static func number(of text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
