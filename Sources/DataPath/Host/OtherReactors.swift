import Reactor
import Transport
import Wire

/// The other reactors of a datanode, as one sees them: all doors, in the order of their shares.
/// Connections move to the reactor that has their block, once a stream; a block's bytes never do.
/// With one reactor nothing here costs more than a comparison.
struct OtherReactors {
    /// This reactor's own; `nil` when it is the only one.
    let door: ReactorDoor?
    private let own: Int
    private var doors: [ReactorDoor] = []

    init(_ share: ReactorShare, door: ReactorDoor?) {
        precondition(share.isWhole == (door == nil), "who shares has a door")
        own = share.number
        self.door = door
    }

    /// Introduces the reactors to each other. Before the first turn.
    mutating func join(_ doors: [ReactorDoor], _ share: ReactorShare) {
        precondition(doors.count == share.count, "every reactor has a door")
        self.doors = doors
    }

    // MARK: Connections

    var hasArrivals: Bool { door.map { !$0.arrivals.isEmpty } ?? false }

    enum Move {
        /// The block is this reactor's.
        case stays
        case moved
        /// The block is another's, which does not take the connection now.
        case refused(Status)
    }

    /// Hands a connection whose `write` or `read` is whole to the reactor that has the block.
    func move<Ring: RingBackend & ~Copyable>(
        _ index: ConnectionIndex, _ header: FrameHeader, _ core: inout Core<Ring>
    ) -> Move {
        guard !core.share.isWhole else { return .stays }
        let owner = core.share.owner(of: header.block)
        guard owner != own else { return .stays }
        let bytes = UnsafeRawBufferPointer(
            start: core.transport.bodyMemory(of: index), count: header.bodyBytes)
        let arrival = Arrival(
            descriptor: core.transport.descriptor(of: index).number,
            address: core.transport.at(index).address, header: header, bytes: Array(bytes))
        let door = doors[owner]
        guard door.reserveArrival() else { return .refused(.busy) }
        switch door.arrivals.post(arrival) {
        case .taken:
            core.handOver(index)
            return .moved
        case .busy:
            door.release()
            return .refused(.busy)
        case .closed:
            door.release()
            return .refused(.shuttingDown)
        }
    }

    // MARK: Failed devices

    private static let reason = "another reactor found it out of service"

    /// Tells the others of devices that failed here; who could not be told is told in a later turn.
    func tellFailures(_ blocks: inout Blocks) {
        for device in blocks.devices.indices where blocks.owesFailure(of: device) {
            var isHeard = true
            for (number, door) in doors.enumerated() where number != own {
                let answer = door.mail.post(.deviceFailed(device, reason: Self.reason))
                if answer == .busy { isHeard = false }
            }
            if isHeard { blocks.toldFailure(of: device) }
        }
    }
}
