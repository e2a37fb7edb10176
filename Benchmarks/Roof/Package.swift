// swift-tools-version: 6.2
import PackageDescription

/// A package of its own, so that `dev/bench` builds the ring and this program and nothing else of
/// what the product depends on.
let package = Package(
    name: "catena-roof",
    products: [.executable(name: "catena-roof", targets: ["catena-roof"])],
    dependencies: [
        .package(name: "catena", path: "../.."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .executableTarget(
            name: "catena-roof",
            dependencies: [
                .product(name: "CURing", package: "catena"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ])
    ])
