import Reactor
import Wire

// Several reactors in one datanode: connections move to the reactor that has their block, once a
// stream; a block's bytes never do. With one reactor nothing here costs more than a comparison.
extension Datanode where Ring: ~Copyable {
    /// Introduces the reactors to each other, in the order of their shares. Before the first turn.
    public mutating func join(_ doors: [ReactorDoor]) {
        neighbours.join(doors, core.share)
    }

    // MARK: Moving

    /// Hands a connection whose `write` or `read` is whole to the reactor that has the block.
    /// `false`: the block is this reactor's.
    mutating func handOver(_ index: Int32, _ header: FrameHeader) -> Bool {
        guard !core.share.isWhole else { return false }
        let owner = core.share.owner(of: header.block)
        guard owner != core.share.number else { return false }
        let connection = core.connections.at(index)
        precondition(
            connection.pointee.stream < 0 && connection.pointee.reader < 0
                && !connection.pointee.isSendingFrame && !connection.pointee.isSendingControl,
            "between two streams nothing of a connection is under way")
        let bytes = UnsafeRawBufferPointer(
            start: core.connections.received(of: index), count: wanted(header))
        let arrival = Arrival(
            descriptor: connection.pointee.descriptor.number, address: connection.pointee.address,
            header: header, bytes: Array(bytes))
        let door = neighbours[owner]
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
        core.connections.at(index).pointee.beginStream(header, key: nil)
        fail(index, status)
    }

    /// The connection is another reactor's now; its descriptor stays open. The record stays while
    /// the kernel still has memory of a zero-copy send.
    private mutating func forget(_ index: Int32) {
        core.counters.connectionsMoved &+= 1
        core.clear(.receive(index))
        core.clear(.send(index))
        core.connections.places.leave(index)
        let connection = core.connections.at(index)
        connection.pointee.life = .closing
        connection.pointee.descriptor = .none
        core.closeIfSettled(index)
    }

    /// Goes on with a connection as if its frame had been received here; its place was reserved.
    mutating func arrive(_ arrival: Arrival) {
        let index = enter(.plain(arrival.descriptor), arrival.address)
        core.connections.at(index).pointee.header = arrival.header
        core.connections.received(of: index).copyMemory(
            from: arrival.bytes, byteCount: arrival.bytes.count)
        credentialsComplete(index)
    }
}
