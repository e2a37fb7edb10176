import Benchmark

/// What the plugin asks for. Names are file names too: no spaces, no punctuation. A benchmark's
/// body is `kilo` times the thing it names, so that the clock's own cost is not what is measured;
/// figures are shown for one.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        metrics: [.wallClock],
        warmupIterations: 3,
        scalingFactor: .kilo,
        maxDuration: .milliseconds(500),
        maxIterations: 1_000,
        // Wall clock on a machine that others use too: what is caught is a change of kind, such as
        // a generic that is no longer specialised or an allocation per frame.
        thresholds: [.wallClock: BenchmarkThresholds(relative: [.p90: 150.0])])
    addReactorBenchmarks()
    addWireBenchmarks()
    addChecksumBenchmarks()
}
