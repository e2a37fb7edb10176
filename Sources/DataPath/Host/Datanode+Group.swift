import Reactor
import Wire

// Several reactors in one datanode: connections move to the reactor that has their block, once a
// stream; a block's bytes never do. With one reactor nothing here costs more than a comparison.
extension Datanode where Ring: ~Copyable {
    /// Introduces the reactors to each other, in the order of their shares. Before the first turn.
    public mutating func join(_ doors: [ReactorDoor]) {
        precondition(doors.count == share.count, "every reactor has a door")
        self.doors = doors
    }

    // MARK: Moving

    /// Hands a connection whose `write` or `read` is whole to the reactor that has the block.
    /// `false`: the block is this reactor's.
    mutating func handOver(_ index: Int32, _ header: FrameHeader) -> Bool {
        guard !share.isWhole else { return false }
        let owner = share.owner(of: header.block)
        guard owner != share.number else { return false }
        let connection = connections.at(index)
        precondition(
            connection.pointee.stream < 0 && connection.pointee.reader < 0
                && !connection.pointee.isSendingFrame && !connection.pointee.isSendingControl,
            "between two streams nothing of a connection is under way")
        let bytes = UnsafeRawBufferPointer(start: received(of: index), count: wanted(header))
        let arrival = Arrival(
            descriptor: connection.pointee.descriptor.number, address: connection.pointee.address,
            header: header, bytes: Array(bytes))
        let door = doors[owner]
        guard door.reserveArrival() else {
            refuseMove(index, header, .busy)
            return true
        }
        switch door.arrivals.post(arrival) {
        case .taken: forget(index)
        case .busy:
            door.release()
            refuseMove(index, header, .busy)
        case .closed:
            door.release()
            refuseMove(index, header, .shuttingDown)
        }
        return true
    }

    private mutating func refuseMove(_ index: Int32, _ header: FrameHeader, _ status: Status) {
        connections.at(index).pointee.beginStream(header, key: nil)
        fail(index, status)
    }

    /// The connection is another reactor's now; its descriptor stays open. The record stays while
    /// the kernel still has memory of a zero-copy send.
    private mutating func forget(_ index: Int32) {
        counters.connectionsMoved &+= 1
        clearReceiveDeadline(index)
        clearSendDeadline(index)
        places.leave(index)
        let connection = connections.at(index)
        connection.pointee.life = .closing
        connection.pointee.descriptor = .none
        closeIfSettled(index)
    }

    /// Goes on with a connection as if its frame had been received here; its place was reserved.
    mutating func arrive(_ arrival: Arrival) {
        let index = enter(.plain(arrival.descriptor), arrival.address)
        connections.at(index).pointee.header = arrival.header
        received(of: index).copyMemory(from: arrival.bytes, byteCount: arrival.bytes.count)
        credentialsComplete(index)
    }

    // MARK: Devices

    private static var elsewhere: String { "another reactor found it out of service" }

    /// Tells the other reactors of devices that failed here; who could not be told is told in a
    /// later turn.
    mutating func tellFailures() {
        for device in devices.indices where devices[device].isFailed && !isFailureTold[device] {
            var isHeard = true
            for (number, door) in doors.enumerated() where number != share.number {
                if door.mail.post(.deviceFailed(device, reason: Self.elsewhere)) == .busy {
                    isHeard = false
                }
            }
            isFailureTold[device] = isHeard
        }
    }
}
