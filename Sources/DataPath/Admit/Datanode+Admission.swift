import Reactor
import Transport
import Wire

// Step 2 of the write path: who may write which block. Once per stream; the frames after it only
// name the stream.
extension Datanode where Ring: ~Copyable {
    /// Credentials are whole: here, or on the reactor that the connection came from.
    mutating func admit(_ index: ConnectionIndex) {
        let header = core.transport.at(index).header
        switch others.move(index, header, &core) {
        case .moved: return
        case .refused(let status):
            core.beginStream(index, header, key: nil)
            return fail(index, status)
        case .stays: break
        }
        if header.operation == .write {
            admitWrite(index, header)
        } else {
            follow(reads.admit(index, header, &core))
        }
        continueReceiving(index)
    }

    /// A `write` frame with its credentials. An older connection of the same writer ends.
    private mutating func admitWrite(_ index: ConnectionIndex, _ header: FrameHeader) {
        switch core.judge(index, header, mode: .write) {
        case .failure(let refused):
            core.beginStream(index, header, key: nil)
            fail(index, refused.status)
        case .success(let admitted):
            core.beginStream(index, header, key: admitted.key)
            switch writes.attach(index, header, admitted, &core) {
            case .failure(let refused): fail(index, refused.status)
            case .success(let attached):
                if let previous = attached.superseded { fail(previous, .superseded) }
                if let loss = attached.loss { successorLost(attached.stream, loss) }
                proceed(attached.stream)
            }
        }
    }

    // MARK: From other reactors

    /// Passes on what the other reactors must know, and takes in the connections that moved here:
    /// each goes on as if its frame had been received here; its place was reserved.
    mutating func meet(_ door: ReactorDoor) -> Int {
        others.tellFailures(&core.blocks)
        let arrivals = door.arrivals.drain()
        for arrival in arrivals {
            let index = core.enter(.plain(arrival.descriptor), arrival.address)
            core.transport.take(arrival.header, body: arrival.bytes, index)
            admit(index)
        }
        return arrivals.count
    }
}
