import Histogram

/// Latencies of one kind of operation, nanoseconds: 1 ns to an hour, three significant digits.
/// Longer ones count as an hour and are told.
package struct Latencies: Codable, Sendable {
    package static let longest: UInt64 = 3_600_000_000_000

    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: Self.longest,
        numberOfSignificantValueDigits: .three)
    /// How many took more than an hour.
    package private(set) var overlong: UInt64 = 0

    package init() {}

    package mutating func record(_ nanoseconds: UInt64) {
        if nanoseconds > Self.longest { overlong += 1 }
        histogram.record(min(nanoseconds, Self.longest))
    }

    package mutating func add(_ other: Self) {
        histogram.add(other.histogram)
        overlong += other.overlong
    }

    package var count: UInt64 { histogram.totalCount }
    package var longestSeen: UInt64 { count == 0 ? 0 : histogram.maxRecorded }

    /// Nanoseconds; 0 when nothing was recorded.
    package func percentile(_ percent: Double) -> UInt64 {
        count == 0 ? 0 : histogram.valueAtPercentile(percent)
    }

    /// The percentile distribution in HdrHistogram's text form, in microseconds.
    package var distribution: String {
        var text = ""
        histogram.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1_000)
        return text
    }
}
