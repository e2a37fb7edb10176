import Reactor
import Wire

/// The connections of a reactor: their records, the memory that each has of its own, and the places
/// they take.
struct Connections: ~Copyable {
    private var table: Slab<Connection>
    /// `Connection.memoryBytes` for each connection.
    private let memory: UnsafeMutableRawPointer
    var places: ConnectionPlaces
    /// Idle connections to successors, the oldest first.
    var parked: [Int32] = []
    /// What a failed connection's error frame will say.
    var reports: [Int32: ErrorReport] = [:]
    /// Of the challenges to next nodes.
    var random: ChallengeRandom

    let listener: Descriptor
    /// An accept is in flight.
    var isAccepting = false
    let mayZeroCopy: Bool

    init(
        _ budget: Budget, listener: Descriptor, door: ReactorDoor?, random: ChallengeRandom,
        mayZeroCopy: Bool
    ) {
        table = Slab(capacity: budget.connections)
        memory = .allocate(byteCount: budget.connections * Connection.memoryBytes, alignment: 64)
        places = ConnectionPlaces(budget, door: door)
        self.random = random
        self.listener = listener
        self.mayZeroCopy = mayZeroCopy
    }

    deinit { memory.deallocate() }

    var capacity: Int {
        @inline(__always) get { table.capacity }
    }
    var count: Int {
        @inline(__always) get { table.count }
    }

    @inline(__always)
    func at(_ index: Int32) -> UnsafeMutablePointer<Connection> { table.at(index) }

    @inline(__always)
    func isUsed(_ index: Int32) -> Bool { table.isUsed(index) }

    mutating func insert(_ connection: Connection) -> Int32? { table.insert(connection) }

    mutating func remove(_ index: Int32) { table.remove(index) }

    @inline(__always)
    func memory(of index: Int32) -> UnsafeMutableRawPointer {
        memory + Int(index) * Connection.memoryBytes
    }

    /// Where a connection's control payload is received.
    @inline(__always)
    func received(of index: Int32) -> UnsafeMutableRawPointer {
        memory(of: index) + at(index).pointee.receivedOffset
    }
}
