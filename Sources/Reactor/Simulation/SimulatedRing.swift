import Glibc
import System

/// A ring whose kernel is a `SimulatedWorld`: the same requests, the same results, on virtual time
/// and with faults drawn from the world's seed.
///
/// It never advances the clock by itself, for many rings share it: `submit(until:)` comes back at
/// once and the driver moves the time (`SimulationDriver`). Only in a world made with `selfDriven`,
/// for one ring alone, does `submit(until:)` wait in virtual time. When the ring is dropped, its
/// sockets end as those of a process that exits.
public struct SimulatedRing: ~Copyable, RingBackend {
    let core: SimulatedRingCore
    /// Keeps the world alive, to which the core refers without owning it.
    private let world: SimulatedWorld

    public var sendsZeroCopy: Bool { true }

    init(core: SimulatedRingCore) {
        self.core = core
        world = core.world
    }

    deinit { core.close() }

    public var now: UInt64 { world.time }

    public mutating func prepare(_ request: Request, token: OperationToken) -> Bool {
        core.prepare(request, token)
    }

    public mutating func submit(until deadline: UInt64?) throws(RingFailure) {
        core.submit()
        guard world.isSelfDriven, let deadline else { return }
        while !core.hasCompletions, world.time < deadline {
            let moved = world.advance(until: deadline == .max ? nil : deadline)
            precondition(moved, "a simulated ring waits for something that never comes")
        }
    }

    public mutating func reap(
        into completions: UnsafeMutablePointer<Completion>, limit: Int
    ) -> Int {
        core.reap(into: completions, limit: limit)
    }

    public mutating func register(region: UnsafeMutableRawBufferPointer) throws(RingFailure) {
        precondition(region.count <= 1 << 30, "one registered region is at most 1 GiB")
        guard core.region == nil else {
            throw RingProbe.registrationFailure(EBUSY, bytes: region.count)
        }
        core.region = UnsafeRawBufferPointer(region)
    }

    public mutating func listen(
        on address: SocketAddress, backlog: Int32
    ) throws(RingFailure) -> (Descriptor, SocketAddress) {
        try world.listen(core, on: address, backlog: backlog)
    }

    /// Simulated connections have no options.
    public mutating func configure(_ socket: Descriptor) {}

    public var waker: RingWaker { RingWaker() }
    public var wakeDescriptor: Descriptor { .none }

    /// A descriptor of one of the node's data directories, which is made when it is new: what a
    /// process gets from the system's `open` of a directory at start.
    public mutating func openDirectory(_ name: String) -> Descriptor {
        let directory = SimulatedDirectory(disk: core.node.disk(name), path: "")
        guard let number = core.openPlain(directory) else {
            preconditionFailure("a node opens its directories at start")
        }
        return .plain(number)
    }

    /// The names of the files in a directory of this ring, in order; blocking, for start-up only.
    public func fileNames(in directory: Descriptor) -> [String] {
        guard let directory = core.object(directory) as? SimulatedDirectory else {
            preconditionFailure("a directory of this ring")
        }
        return directory.disk.files
    }
}
