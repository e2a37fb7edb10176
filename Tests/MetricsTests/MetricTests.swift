import Metrics
import Testing

@Suite struct MetricTests {
    private enum Side: String, MetricLabel {
        case left, right

        static var label: String { "side" }
        var labelValue: String { rawValue }
    }

    private struct Inner: Sendable {
        var turns: UInt64 = 0

        static let metrics: [Metric<Inner>] = [Metric(\.turns, "turns_total", "Turns.")]
    }

    private struct Counts: Sendable {
        var name = "none"
        var sent: UInt64 = 0
        var open = 0
        var steps = CountsBy<Side, UInt64>()
        var sizes = Histogram(first: 1)
        var inner = Inner()

        static let metrics: [Metric<Counts>] =
            [
                Metric(\.sent, "sent_bytes_total", "Bytes sent.", in: .bytes),
                Metric(\.open, "open", "Open now."),
                Metric(\.steps, "steps_total", "Steps."),
                Metric(\.sizes, "sizes", "Sizes."),
            ] + Metric<Counts>.rows(\.inner, Inner.metrics)
    }

    private func counts(_ number: UInt64) -> Counts {
        var counts = Counts()
        counts.name = "\(number)"
        counts.sent = number
        counts.open = Int(number)
        counts.steps[.right] += number
        counts.sizes.record(number)
        counts.inner.turns = number
        return counts
    }

    @Test func theFieldsTypeSaysTheKind() {
        #expect(
            Counts.metrics.map(\.kind) == [.counter, .gauge, .counter, .histogram, .counter])
        #expect(Counts.metrics.map(\.label) == [nil, nil, "side", nil, nil])
    }

    @Test func everyRowIsAddedAndWhatHasNoneIsNot() {
        var zero = Counts()
        zero.name = "sum"
        let sum = Counts.metrics.sum([counts(1), counts(2), counts(4)], from: zero)
        #expect(sum.name == "sum")
        #expect(sum.sent == 7)
        #expect(sum.open == 7)
        #expect(sum.steps[.right] == 7)
        #expect(sum.steps[.left] == 0)
        #expect(sum.sizes.count == 3)
        #expect(sum.inner.turns == 7)
    }

    @Test func aFamilyShowsEveryValueOfItsLabel() {
        let samples = Counts.metrics.samples(of: counts(3))
        #expect(samples[0] == MetricSample(name: "sent_bytes_total", value: .number(3)))
        #expect(
            samples[2].value
                == .family(label: "side", values: ["left", "right"], numbers: [0, 3]))
        #expect(samples[4].name == "turns_total")
    }
}
