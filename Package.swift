// swift-tools-version: 6.2
import PackageDescription

/// `dev/check` sets CATENA_CHECK so that a warning in our own targets fails the build; a user's
/// build with a newer compiler is not broken by a warning that did not exist when the code was
/// written.
let strict: [SwiftSetting] =
    Context.environment["CATENA_CHECK"] == nil ? [] : [.treatAllWarnings(as: .error)]

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [
            "System", "ToolSupport",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Sources/tools/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["System", "TestSupport"], path: "Tests/\(name)",
        exclude: exclude,
        swiftSettings: strict)
}

let package = Package(
    name: "catena",
    products: [
        .library(name: "CatenaClient", targets: ["Client"]),
        // For `Benchmarks/`, which are packages of their own; no promise to anybody else.
        .library(name: "CURing", targets: ["CURing"]),
        .library(name: "Reactor", targets: ["Reactor"]),
        .library(name: "Wire", targets: ["Wire"]),
        .library(name: "DataPath", targets: ["DataPath"]),
        .executable(name: "catena", targets: ["catena"]),
        .executable(name: "catena-namenode", targets: ["catena-namenode"]),
        .executable(name: "catena-datanode", targets: ["catena-datanode"]),
        .executable(name: "catena-load", targets: ["catena-load"]),
        .executable(name: "catena-sim", targets: ["catena-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // The kernel's ring, through Debian's liburing, and the constants that are newer than it.
        .systemLibrary(
            name: "CURing", path: "Sources/CURing", pkgConfig: "liburing",
            providers: [.apt(["liburing-dev"])]),
        // CRC32C, through Debian's ISA-L.
        .systemLibrary(
            name: "CISAL", path: "Sources/CISAL", pkgConfig: "libisal",
            providers: [.apt(["libisal-dev"])]),
        // SHA-256, HMAC and ChaCha20-Poly1305, through Debian's OpenSSL.
        .systemLibrary(
            name: "CCrypto", path: "Sources/CCrypto", pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]),
        // The namespace's database, through Debian's SQLite.
        .systemLibrary(
            name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        // epoll(7), which Swift's Glibc module leaves out.
        .systemLibrary(name: "CEpoll", path: "Sources/CEpoll"),
        // glibc's malloc parameters, which it leaves out too.
        .systemLibrary(name: "CMalloc", path: "Sources/CMalloc"),
        // The ground floor: what the system gives to everybody else, once. Addresses, clocks, error
        // texts; nothing of Catena.
        .target(name: "System", swiftSettings: strict),
        // What counts of a process look like from outside: rows of names beside plain fields, sums,
        // histograms. No I/O.
        .target(name: "Metrics", swiftSettings: strict),
        // The words both sides share: identifiers, frames, tokens, status codes. No I/O.
        .target(
            name: "Wire",
            dependencies: [
                "System", "Metrics", "CCrypto", "CISAL",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], exclude: ["Control/catena.proto"], swiftSettings: strict),
        // Bytes, descriptors and time on one ring and one thread. Knows nothing of blocks.
        .target(
            name: "Reactor", dependencies: ["System", "Metrics", "CURing"], swiftSettings: strict),
        // Connections that carry frames over that ring: opened, received on, sent on, closed, once.
        .target(
            name: "Transport", dependencies: ["System", "Reactor", "Wire"], swiftSettings: strict),
        // A caller's side of the control plane: one blocking connection with deadlines.
        .target(name: "ControlClient", dependencies: ["System", "Wire"], swiftSettings: strict),
        // A block's life on a datanode, a folder per room.
        .target(
            name: "DataPath",
            dependencies: [
                "System", "Metrics", "Wire", "Reactor", "Transport", "ControlClient",
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        // The namenode: decides, and is never on the data path.
        .target(
            name: "Control",
            dependencies: [
                "System", "Metrics", "Wire", "CEpoll", "CMalloc", "CSQLite",
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        // The client library: put, get and the streams under them, on the same reactor.
        .target(
            name: "Client",
            dependencies: ["System", "Metrics", "Wire", "Reactor", "Transport", "ControlClient"],
            swiftSettings: strict),
        // What the command-line tools share: configuration, logs, exit codes, output.
        .target(
            name: "ToolSupport",
            dependencies: [
                "System", "Metrics", "Wire", "ControlClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        // The load generator: what is asked of a cluster, how fast, and what came of it.
        .target(
            name: "Load",
            dependencies: [
                "Client", "ControlClient", "Reactor", "System", "ToolSupport", "Wire",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        // A whole cluster in one thread on a virtual clock, and the oracles that watch it.
        .target(
            name: "Simulation",
            dependencies: [
                "Client", "Control", "ControlClient", "DataPath", "Reactor", "System", "Wire",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        tool("catena", ["Client", "Metrics"]),
        tool("catena-namenode", ["Control", "Metrics"]),
        tool("catena-datanode", ["DataPath", "Metrics"]),
        tool("catena-load", ["Load", "ControlClient"]),
        tool("catena-sim", ["Simulation"]),
        // What the tests of several targets need: sockets, threads, folders, a namenode.
        .target(
            name: "TestSupport",
            dependencies: [
                "System", "Wire", "Reactor",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], path: "Tests/Support", swiftSettings: strict),
        tests("SystemTests", []),
        tests("MetricsTests", ["Control", "DataPath", "Metrics", "Reactor"]),
        tests("WireTests", ["Metrics", "Wire"]),
        tests("ControlClientTests", ["ControlClient", "Client", "Metrics", "Wire"]),
        tests("ClientTests", ["Client", "ControlClient", "Reactor", "Transport", "Wire"]),
        tests(
            "ToolSupportTests",
            [
                "ToolSupport", "ControlClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests(
            "LoadTests",
            [
                "Load", "Client", "ControlClient", "Reactor", "ToolSupport", "Wire",
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests("TidyTests", []),
        tests("ControlTests", ["Control", "Metrics"]),
        tests("ReactorTests", ["Reactor", "Metrics", "CURing"]),
        tests("TransportTests", ["Transport", "Reactor", "Wire"]),
        tests("DataPathTests", ["DataPath", "Metrics", "Reactor", "Transport", "Wire"]),
        tests(
            "SimulationTests",
            ["Client", "DataPath", "Reactor", "Simulation", "Transport", "Wire"]),
    ])
