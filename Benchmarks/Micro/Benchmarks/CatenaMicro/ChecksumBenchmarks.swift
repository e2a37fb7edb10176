import Benchmark
import Wire

func addChecksumBenchmarks() {
    for kibibytes in [4, 64, 512] {
        let bytes = (0..<kibibytes << 10).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        var configuration = Benchmark.defaultConfiguration
        configuration.scalingFactor = .one
        Benchmark("crc32c-\(kibibytes)KiB", configuration: configuration) { benchmark in
            blackHole(CRC32C.of(bytes))
        }
    }
    Benchmark("crc32c-combine") { benchmark in
        for index in benchmark.scaledIterations {
            blackHole(CRC32C.combine(UInt32(index), 0x9283_e306, secondLength: 64 << 10))
        }
    }
}
