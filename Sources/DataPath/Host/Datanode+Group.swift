import Reactor
import Transport
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
    mutating func handOver(_ index: ConnectionIndex, _ header: FrameHeader) -> Bool {
        guard !core.share.isWhole else { return false }
        let owner = core.share.owner(of: header.block)
        guard owner != core.share.number else { return false }
        let connection = core.transport.at(index)
        let bytes = UnsafeRawBufferPointer(
            start: core.transport.bodyMemory(of: index), count: header.bodyBytes)
        let arrival = Arrival(
            descriptor: core.transport.descriptor(of: index).number,
            address: connection.address, header: header, bytes: Array(bytes))
        let door = neighbours[owner]
        guard door.reserveArrival() else {
            refuseMove(index, header, .busy)
            return true
        }
        switch door.arrivals.post(arrival) {
        case .taken: core.handOver(index)
        case .busy:
            door.release()
            refuseMove(index, header, .busy)
        case .closed:
            door.release()
            refuseMove(index, header, .shuttingDown)
        }
        return true
    }

    private mutating func refuseMove(
        _ index: ConnectionIndex, _ header: FrameHeader, _ status: Status
    ) {
        core.beginStream(index, header, key: nil)
        fail(index, status)
    }

    /// Goes on with a connection as if its frame had been received here; its place was reserved.
    mutating func arrive(_ arrival: Arrival) {
        let index = enter(.plain(arrival.descriptor), arrival.address)
        core.transport.take(arrival.header, body: arrival.bytes, index)
        takeIn(index, arrival.header)
    }
}
