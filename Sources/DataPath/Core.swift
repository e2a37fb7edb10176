import Reactor
import Wire

/// What every room of a reactor works with: its ring, its buffers, its blocks, its connections.
///
/// A room is a type of its own (`Scrubs`, `Deletions`, ...) with private state. Its methods are
/// given the core `inout`, and see nothing of the other rooms: what a room wants from another comes
/// back as a result, and `Datanode` passes it on.
struct Core<Ring: RingBackend & ~Copyable>: ~Copyable {
    // The ring ends before the memory that it was given.
    var reactor: Reactor<Ring>
    let settings: DatanodeSettings
    let identity: Identity
    /// Which blocks are this reactor's.
    let share: ReactorShare
    var buffers: Buffers
    var blocks: Blocks
    var connections: Connections

    /// By which tokens are judged; `nil` before the namenode's first answer.
    var keys: KeyRing?
    /// Contact with the namenode was lost for too long.
    var isFenced = false
    var isDraining = false
    var isStopping = false
    var counters = DatanodeCounters()

    /// - Throws: `RingFailure` when buffers cannot be registered.
    init(
        _ ring: consuming Ring, _ settings: DatanodeSettings, _ identity: Identity,
        _ share: ReactorShare, blocks: consuming Blocks, listener: Descriptor, door: ReactorDoor?,
        random: ChallengeRandom
    ) throws(RingFailure) {
        let budget = settings.budget
        buffers = try Buffers(settings, registeredWith: &ring)
        connections = Connections(
            budget, listener: listener, door: door, random: random,
            mayZeroCopy: settings.mayZeroCopy && ring.sendsZeroCopy)
        reactor = Reactor(
            ring: ring, operations: budget.operations,
            timers: 2 * budget.connections + blocks.devices.count + 1)
        self.blocks = blocks
        self.settings = settings
        self.identity = identity
        self.share = share
    }

    // MARK: Deadlines

    /// Who has a deadline; each has one.
    enum Deadline {
        /// A connection's receiving half, and its sending half.
        case receive(Int32)
        case send(Int32)
        /// When a device's scrub goes on.
        case scrub(device: Int)
        /// When the turns of reads are looked at.
        case readTurn
    }

    /// Connections first, a pair each, then the devices, then the reads.
    @inline(__always)
    private mutating func timer(of deadline: Deadline) -> UInt32 {
        switch deadline {
        case .receive(let index): UInt32(index) * 2
        case .send(let index): UInt32(index) * 2 + 1
        case .scrub(let device): UInt32(2 * settings.budget.connections + device)
        case .readTurn: UInt32(2 * settings.budget.connections + blocks.devices.count)
        }
    }

    mutating func deadline(ofTimer timer: UInt32) -> Deadline {
        let place = Int(timer) - 2 * settings.budget.connections
        guard place < 0 else {
            return place < blocks.devices.count ? .scrub(device: place) : .readTurn
        }
        return timer % 2 == 0 ? .receive(Int32(timer / 2)) : .send(Int32(timer / 2))
    }

    /// What is awaited is to come within `span` nanoseconds from now.
    @inline(__always)
    mutating func arm(_ deadline: Deadline, in span: UInt64) {
        reactor.timers.arm(timer(of: deadline), at: time(in: span))
    }

    @inline(__always)
    mutating func clear(_ deadline: Deadline) { reactor.timers.clear(timer(of: deadline)) }

    /// So many nanoseconds from now.
    @inline(__always)
    mutating func time(in span: UInt64) -> UInt64 { reactor.now &+ span }

    // MARK: Blocks

    /// A block whose bytes on the device are not what was written: it is not served any more and
    /// the namenode hears of it; its file stays until the namenode says otherwise.
    mutating func condemn(_ block: BlockID, _ finding: ScrubFinding) {
        if blocks.condemn(block, finding) { counters.blocksCorrupt &+= 1 }
    }
}
