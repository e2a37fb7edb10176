import Reactor
import Transport
import Wire

/// What every room of a reactor works with: its ring, its buffers, its blocks, its connections. A
/// folder is a step of a block's life, or what the steps stand on; a room is a type.
///
/// A room (`WritePath`, `ReadPath`, `Scrubs`, `Deletions`) keeps state of its own. Its methods are
/// given the core `inout`, and see nothing of the other rooms: what a room wants from another comes
/// back as a result, and `Datanode` passes it on.
struct Core<Ring: RingBackend & ~Copyable>: ~Copyable {
    // The ring ends before the memory that it was given.
    var transport: Transport<Ring, ConnectionRole>
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
    var contact = NamenodeContact()
    var isDraining = false
    var isStopping = false
    let mayZeroCopy: Bool
    var counters = DatanodeCounters()

    /// - Throws: `RingFailure` when buffers cannot be registered.
    init(
        _ ring: consuming Ring, _ settings: DatanodeSettings, _ identity: Identity,
        _ share: ReactorShare, blocks: consuming Blocks, listener: Descriptor, door: ReactorDoor?,
        random: ChallengeRandom
    ) throws(RingFailure) {
        let budget = settings.budget
        buffers = try Buffers(settings, registeredWith: &ring)
        connections = Connections(budget, listener: listener, door: door, random: random)
        mayZeroCopy = settings.mayZeroCopy && ring.sendsZeroCopy
        transport = Transport(
            ring: ring, connections: budget.connections,
            memoryBytes: ConnectionMemory.datanodeBytes, operations: budget.operations,
            timers: blocks.devices.count + 1, progressTimeout: settings.progressTimeout)
        self.blocks = blocks
        self.settings = settings
        self.identity = identity
        self.share = share
    }

    /// For files, and everything else that is no connection.
    var reactor: Reactor<Ring> {
        @inline(__always) _read { yield transport.reactor }
        @inline(__always) _modify { yield &transport.reactor }
    }

    // MARK: Deadlines

    /// Who has a deadline beside the connections.
    enum Deadline {
        /// When a device's scrub goes on.
        case scrub(device: Int)
        /// When the turns of reads are looked at.
        case readTurn
    }

    /// The devices, then the reads.
    private func timer(of deadline: Deadline) -> Int {
        switch deadline {
        case .scrub(let device): device
        case .readTurn: blocks.devices.count
        }
    }

    mutating func deadline(ofTimer timer: Int) -> Deadline {
        timer < blocks.devices.count ? .scrub(device: timer) : .readTurn
    }

    /// It is due in `span` nanoseconds.
    mutating func arm(_ deadline: Deadline, in span: UInt64) {
        transport.arm(timer: timer(of: deadline), within: span)
    }

    // MARK: Blocks

    /// A block whose bytes on the device are not what was written: it is not served any more and
    /// the namenode hears of it; its file stays until the namenode says otherwise.
    mutating func condemn(_ block: BlockID, _ finding: ScrubFinding) {
        if blocks.condemn(block, finding) { counters.blocksCorrupt &+= 1 }
    }

    /// Why a device does not take a block, for its writer.
    func refusal(of device: Int, _ status: Status, _ reason: String) -> String {
        "\(status.explanation): \(blocks.devices[device].path) (\(reason))"
    }
}
