// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "catena-micro",
    dependencies: [
        .package(name: "catena", path: "../.."),
        // Without its traits: jemalloc would count mallocs, which read 0 here and say nothing.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "CatenaMicro",
            dependencies: [
                .product(name: "Reactor", package: "catena"),
                .product(name: "Wire", package: "catena"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/CatenaMicro",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ])
