import Glibc
import Reactor
import System
import Testing

/// Something every ring must do the same way.
protocol ConformanceCase: Sendable, CustomTestStringConvertible {
    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws
}

/// The rings that pass the suite.
enum Backend: String, CaseIterable, CustomTestStringConvertible {
    case kernel, simulated
    /// The kernel's, by way of a `FaultRing` that has no faults.
    case faultless

    var testDescription: String { rawValue }

    func run(_ conformance: any ConformanceCase) throws {
        switch self {
        case .kernel: try Self.runOnKernel(conformance)
        case .simulated: try Self.runOnSimulation(conformance, seed: 1)
        case .faultless: try Self.runOnFaultless(conformance)
        }
    }

    static func runOnKernel(_ conformance: any ConformanceCase) throws {
        let directory = try TemporaryDirectory()
        var machine = try Machine(ring: makeKernelRing(), directory: directory.descriptor)
        try conformance.run(&machine)
    }

    static func runOnFaultless(_ conformance: any ConformanceCase) throws {
        let directory = try TemporaryDirectory()
        var machine = try Machine(
            ring: FaultRing(makeKernelRing(), []), directory: directory.descriptor)
        try conformance.run(&machine)
    }

    static func makeKernelRing() throws -> KernelRing {
        var settings = KernelRing.Settings()
        settings.submissions = 64
        settings.completions = 16384
        settings.files = 256
        return try KernelRing(settings)
    }

    static func runOnSimulation(
        _ conformance: any ConformanceCase, seed: UInt64,
        faults: SimulationFaults = SimulationFaults()
    ) throws {
        let world = SimulatedWorld(seed: seed, faults: faults, selfDriven: true)
        var settings = KernelRing.Settings()
        settings.submissions = 64
        settings.files = 256
        var ring = world.makeRing(node: "one", settings: settings)
        let directory = ring.openDirectory("data")
        var machine = try Machine(ring: ring, directory: directory)
        try conformance.run(&machine)
    }
}

/// A directory of this test alone, on the file system of the package, gone with its owner.
final class TemporaryDirectory {
    let path: String
    let descriptor: Descriptor
    private let number: Int32

    init() throws {
        var template = Array(
            ("./.build/reactor-test-" + String(repeating: "X", count: 6)).utf8CString)
        try #require(mkdtemp(&template) != nil, "mkdtemp: \(errorText(errno))")
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        number = Glibc.open(path, O_RDONLY | O_DIRECTORY)
        try #require(number >= 0)
        descriptor = .plain(number)
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { Glibc.unlink("\(path)/\(name)") }
            }
            closedir(directory)
        }
        Glibc.close(number)
        rmdir(path)
    }
}
