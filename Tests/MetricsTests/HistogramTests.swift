import Metrics
import Testing

@Suite struct HistogramTests {
    /// Bounds with something in them, and how much; infinity is beyond the last.
    private func filled(_ histogram: Histogram, in unit: MetricUnit = .one) -> [Double: UInt64] {
        guard case .histogram(let bounds, let counts, _) = histogram.value(in: unit) else {
            Issue.record("a histogram's value is one")
            return [:]
        }
        #expect(counts.count == bounds.count + 1)
        let all = zip(bounds + [.infinity], counts).filter { $0.1 > 0 }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.0, $0.1) })
    }

    @Test func aNumberIsInTheBucketWhoseBoundIsTheFirstThatHoldsIt() {
        let last: UInt64 = 1 << 23
        let numbers: [UInt64] = [0, 1, 2, 3, 4, 5, last - 1, last, last + 1, .max]
        let bounds: [Double] = [
            1, 1, 2, 4, 4, 8, Double(last), Double(last), .infinity, .infinity,
        ]
        for (number, bound) in zip(numbers, bounds) {
            var histogram = Histogram(first: 1)
            histogram.record(number)
            #expect(filled(histogram) == [bound: 1], "\(number)")
        }
    }

    @Test func whatIsBelowTheFirstBoundIsInTheFirstBucket() {
        var histogram = Histogram(first: 1 << 14)
        for number: UInt64 in [0, 1, 16_384, 16_385, 32_768] { histogram.record(number) }
        #expect(filled(histogram) == [16_384: 3, 32_768: 2])
        #expect(histogram.count == 5)
    }

    @Test func nanosecondsAreShownAsSeconds() {
        var histogram = Histogram(first: 1 << 20)
        histogram.record(1_000_000)
        histogram.record(500_000)
        guard case .histogram(let bounds, _, let sum) = histogram.value(in: .seconds) else {
            Issue.record("a histogram's value is one")
            return
        }
        #expect(abs(bounds[0] - 0.001_048_576) < 1e-12)
        #expect(abs(sum - 0.001_5) < 1e-12)
    }

    @Test func histogramsOfOneFieldAreAdded() {
        var one = Histogram(first: 1)
        var other = one
        one.record(3)
        other.record(4)
        other.record(100)
        one.add(other)
        #expect(filled(one) == [4: 2, 128: 1])
        #expect(one.count == 3)
    }
}
