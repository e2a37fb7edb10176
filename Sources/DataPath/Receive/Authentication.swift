import Reactor
import Transport
import Wire

// Who is on the other side: a connection shows credentials before it gets anything of what streams
// share. They lie in the connection's own memory, and connections without valid ones have places of
// their own, so that strangers however many and slow cost nobody else anything.
extension Datanode where Ring: ~Copyable {
    /// They are whole, on the reactor that may not be the one that has the block.
    mutating func credentialsComplete(_ index: Int32) {
        let header = core.transport.at(index).header
        core.counters.bytesReceived &+= UInt64(header.bodyBytes)
        takeIn(index, header)
    }

    /// As above, also for what was received by another reactor.
    mutating func takeIn(_ index: Int32, _ header: FrameHeader) {
        guard !handOver(index, header) else { return }
        if header.operation == .write {
            admitWrite(index, header)
        } else {
            follow(reads.admit(index, header, &core))
        }
        continueReceiving(index)
    }
}
