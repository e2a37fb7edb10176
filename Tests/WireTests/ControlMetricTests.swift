import Metrics
import Testing
import Wire

@Suite struct ControlMetricTests {
    @Test(arguments: [
        MetricValue.number(0), .number(9_007_199_254_740_992),
        .family(label: "code", values: ["busy", "exists"], numbers: [1, 2]),
        .histogram(bounds: [0.5, 1], counts: [1, 2, 3], sum: 4.5),
    ])
    func whatIsSentIsWhatIsReceived(value: MetricValue) throws {
        let sample = MetricSample(name: "catena_x", value: value)
        let bytes: [UInt8] = try ControlMetric(sample).serializedBytes()
        #expect(try ControlMetric(serializedBytes: bytes).sample == sample)
    }

    @Test func aMessageOfNoShapeIsNone() {
        var nothing = ControlMetric()
        nothing.name = "catena_x"
        #expect(nothing.sample == nil)
        var two = nothing
        two.numbers = [1, 2]
        #expect(two.sample == nil)
        var family = two
        family.label = "code"
        family.labelValues = ["busy"]
        #expect(family.sample == nil)
        var histogram = nothing
        histogram.bounds = [1, 2]
        histogram.counts = [1, 2]
        #expect(histogram.sample == nil)
        var nameless = ControlMetric()
        nameless.numbers = [1]
        #expect(nameless.sample == nil)
    }

    @Test func codesAreNamedAsInTheFile() {
        #expect(ControlCode.tooFewNodes.labelValue == "too_few_nodes")
        #expect(ControlCode.internal.labelValue == "internal")
        #expect(ControlCode.allCases.allSatisfy { !$0.labelValue.isEmpty })
    }
}
