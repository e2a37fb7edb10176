import Reactor
import System
import Transport
import Wire

// A read whose replica is slow to answer asks a second one as well, and goes on with whichever
// sends data first. Until then nothing was taken from either, so the other one is just let go.
extension StreamEngine where Ring: ~Copyable {
    /// Whether a second replica can be asked: nothing has come of the one that was.
    package func canHedge(_ id: ReadID) -> Bool {
        guard reads.isUsed(id.index) else { return false }
        let entry = reads.at(id.index)
        return entry.pointee.connection >= 0 && entry.pointee.rival < 0
            && !entry.pointee.isAnswered && entry.pointee.lost == nil
    }

    /// Asks a second replica for the same range; `readNarrowed` says which of the two is out.
    /// - Returns: `false` when no connection is left.
    package mutating func hedge(
        _ id: ReadID, to address: SocketAddress, opening: StreamOpening
    ) -> Bool {
        precondition(canHedge(id), "a second replica is asked while the first is silent")
        guard let connection = connection(to: address, for: .read(id.index)) else { return false }
        reads.at(id.index).pointee.rival = connection
        reads.at(id.index).pointee.rivalOpening = opening
        reads.at(id.index).pointee.rivalProof = nil
        counters.readsHedged &+= 1
        pump(connection)
        return true
    }

    /// Data comes over this connection: the read is its own from now on.
    mutating func answered(_ read: ReadIndex, on index: ConnectionIndex) {
        let entry = reads.at(read)
        entry.pointee.isAnswered = true
        guard entry.pointee.rival >= 0 else { return }
        let slower =
            index == entry.pointee.rival ? entry.pointee.connection : entry.pointee.rival
        close(slower)
        narrow(read, without: slower, nil)
    }

    /// One of two connections is gone.
    mutating func narrow(
        _ read: ReadIndex, without index: ConnectionIndex, _ failure: StreamFailure?
    ) {
        let entry = reads.at(read)
        let isRival = index == entry.pointee.rival
        if !isRival {
            entry.pointee.connection = entry.pointee.rival
            entry.pointee.proof = entry.pointee.rivalProof
            if let opening = entry.pointee.rivalOpening { entry.pointee.opening = opening }
        }
        entry.pointee.rival = -1
        entry.pointee.lost = (isRival, failure)
        tell(read: read)
    }

    mutating func closeConnections(ofRead read: ReadIndex) {
        let entry = reads.at(read)
        if entry.pointee.rival >= 0 { close(entry.pointee.rival) }
        if entry.pointee.connection >= 0 { close(entry.pointee.connection) }
        entry.pointee.rival = -1
        entry.pointee.connection = -1
    }
}
