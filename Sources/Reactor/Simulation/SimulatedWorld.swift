import Glibc
import System

/// Everything simulated rings share: the clock, the generator, the network, the nodes and their
/// disks.
///
/// One thread drives it all, and a seed reproduces a run bit for bit: nothing here depends on the
/// machine's time, on addresses or on the order of a hash table. `digest` tells two runs apart.
///
/// The loop of a simulation (`SimulationDriver` is this loop):
/// ```
/// while !done {
///     var busy = false
///     for node in nodes { busy = node.turn(waitUntil: world.time) || busy }   // no waiting
///     if !busy, !world.advance(until: nearestDeadline) { break }   // nothing can happen any more
/// }
/// ```
public final class SimulatedWorld {
    public let seed: UInt64
    public let settings: SimulationSettings
    /// A ring waits in virtual time by itself; for a world with one ring.
    public let isSelfDriven: Bool
    /// Nanoseconds of virtual time.
    public private(set) var time: UInt64 = 1_000_000_000
    /// What goes wrong from now on.
    public var faults: SimulationFaults
    /// Where all draws come from.
    public var random: SimulationRandom
    /// A checksum over every completion so far and its time: equal for equal runs.
    public private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    var events = SimulationEvents()
    var listeners: [String: SimulatedListener] = [:]
    /// The node that last listened on a host's address.
    var hosts: [String: SimulatedNode] = [:]
    var cuts: Set<SimulatedLink> = []
    var delays: [SimulatedLink: UInt64] = [:]
    private(set) var nodes: [SimulatedNode] = []
    private var ephemeralPort: UInt16 = 40000

    public init(
        seed: UInt64, faults: SimulationFaults = SimulationFaults(),
        settings: SimulationSettings = SimulationSettings(), selfDriven: Bool = false
    ) {
        self.seed = seed
        self.faults = faults
        self.settings = settings
        isSelfDriven = selfDriven
        random = SimulationRandom(seed: seed)
    }

    deinit {
        // They name each other, and their node.
        for node in nodes {
            for socket in node.sockets { socket.peer = nil }
            node.sockets = []
            node.rings = []
        }
    }

    // MARK: Nodes

    /// A ring on a node, which is made when it is new. A node that had crashed is up again.
    public func makeRing(
        node name: String, settings: KernelRing.Settings = KernelRing.Settings()
    ) -> SimulatedRing {
        let node = node(name)
        node.isDown = false
        let core = SimulatedRingCore(world: self, node: node, settings: settings)
        node.rings.append(core)
        release()
        return SimulatedRing(core: core)
    }

    func node(_ name: String) -> SimulatedNode {
        if let node = nodes.first(where: { $0.name == name }) { return node }
        let node = SimulatedNode(name: name, number: nodes.count, world: self)
        nodes.append(node)
        hosts[node.host] = node
        return node
    }

    /// A data directory of a node, for checkers and fixtures; made when it is new.
    public func disk(of name: String, directory: String = "data") -> SimulatedDisk {
        node(name).disk(directory)
    }

    /// Ends the rings of a node as `kill -9` does: its sockets are closed, its disks keep all
    /// writes. The rings answer nothing from now on; drop their reactors, then make new ones.
    public func kill(_ name: String) {
        let node = node(name)
        for ring in node.rings { ring.close() }
        for name in node.diskNames { node.disks[name]?.endLife() }
    }

    /// A power cut: a node's rings end without a word to anyone, its disks lose or tear what was
    /// not synced. Call it while the rings' memory is still there; then drop their reactors.
    public func crash(_ name: String) {
        let node = node(name)
        for ring in node.rings { ring.tearWrites() }
        node.isDown = true
        for socket in node.sockets { socket.hasVanished = true }
        for ring in node.rings { ring.close() }
        for name in node.diskNames { node.disks[name]?.crash(&random) }
    }

    func ephemeralAddress(of node: SimulatedNode) -> SocketAddress {
        guard let address = SocketAddress(host: node.host, port: nextPort()) else {
            preconditionFailure("a node's own address is an address")
        }
        return address
    }

    func nextPort() -> UInt16 {
        ephemeralPort = ephemeralPort == .max ? 40000 : ephemeralPort + 1
        return ephemeralPort
    }

    // MARK: Time

    /// Whether a ring has something to submit or to reap; then time stands still.
    public var isBusy: Bool {
        nodes.contains { $0.rings.contains { $0.hasQueued || $0.hasCompletions } }
    }

    /// Whether anything is to happen by itself.
    public var hasEvents: Bool { events.count > 0 }

    /// Moves the clock to the next event and lets it happen, or to `limit` when that is sooner.
    /// Does nothing while a ring has something to submit or to reap.
    /// - Returns: `false` when there is no event and no limit: nothing can happen any more.
    @discardableResult
    public func advance(until limit: UInt64? = nil) -> Bool {
        runDue()
        guard !isBusy else { return true }
        // A limit that has passed already must not hold the clock.
        let limit = limit.map { max($0, time + 1) }
        guard let next = [events.nextTime, limit].compactMap({ $0 }).min() else { return false }
        time = max(time, next)
        runDue()
        return true
    }

    /// Lets everything happen that is due now.
    func runDue() {
        while let event = events.take(notAfter: time) {
            switch event {
            case .complete(let operation): operation.ring.complete(operation)
            case .notify(let operation): operation.ring.notify(operation)
            case .deliver(let socket): socket.deliver()
            case .connect(let operation): attempt(operation)
            case .timeout(let socket): socket.timeOut()
            case .land(let write): write.land()
            }
        }
    }

    /// The key of something `latency` nanoseconds from now, with the delay and the order drawn for
    /// it.
    func completionKey(after latency: UInt64) -> EventKey {
        let late = random.chance(faults.delayRate) ? random.pick(faults.delay) : 0
        let shift = random.chance(faults.reorderRate) ? random.below(64) : 0
        return events.key(at: time + latency + late, shift: shift)
    }

    func record(_ token: UInt64, _ result: Int32, _ flags: UInt32) {
        for word in [time, token, UInt64(UInt32(bitPattern: result)) << 32 | UInt64(flags)] {
            digest = (digest ^ word) &* 0x100_0000_01b3
            digest ^= digest >> 31
        }
    }
}

/// A machine of a simulated world: its process's descriptors, its disks, the rings that run on it.
final class SimulatedNode {
    let name: String
    unowned let world: SimulatedWorld
    /// The address its own connections come from.
    let host: String
    /// Down from a crash until the next ring is made.
    var isDown = false
    var rings: [SimulatedRingCore] = []
    var sockets: [SimulatedSocket] = []
    var plain: DescriptorTable<SimulatedObject>
    private(set) var disks: [String: SimulatedDisk] = [:]
    private(set) var diskNames: [String] = []

    init(name: String, number: Int, world: SimulatedWorld) {
        self.name = name
        self.world = world
        host = "10.255.\(number / 250).\(number % 250 + 1)"
        plain = DescriptorTable(capacity: world.settings.plainDescriptors, first: 3)
    }

    func disk(_ name: String) -> SimulatedDisk {
        if let disk = disks[name] { return disk }
        let disk = SimulatedDisk(name: name, capacity: world.settings.diskBytes)
        disks[name] = disk
        diskNames.append(name)
        return disk
    }
}
