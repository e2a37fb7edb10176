import Reactor
import Transport
import Wire

// Step 6 of the write path: what is true of this node and all behind it goes back up. One answer is
// in flight per connection; what advances meanwhile is told by the next one (coalescing).
//
// The error frames of reads go this way too, since their connections may have carried a write. What
// a read sends beside them is `ReadPath`'s.
extension WritePath where Ring: ~Copyable {
    /// Sends the next answer an inbound connection is owed, if any: an error, a seal's answer, or
    /// an ack. `false`: a receipt is owed, and this node has no key to sign it with.
    mutating func answer(_ index: ConnectionIndex, _ core: inout Core<Ring>) -> Bool {
        guard core.mayAnswer(index) else { return true }
        let role = core.transport.at(index).role
        if let failure = role.failure {
            core.sendError(index, failure)
            return true
        }
        guard let stream = role.stream else { return true }
        let entry = at(stream)
        guard entry.pointee.join.isFileReady else { return true }
        if let level = entry.pointee.seal.answer(isTail: entry.pointee.isTail) {
            guard let keys = core.keys, let key = keys[keys.current] else { return false }
            core.sendSealed(index, of: &entry.pointee, level, signedWith: key)
        } else if entry.pointee.join.isDue {
            core.sendAck(index, of: &entry.pointee)
        }
        return true
    }

    /// What is true of the stream here is reckoned anew.
    /// - Returns: the connection of the writer, who may have to hear it.
    mutating func refreshProgress(of stream: StreamIndex) -> ConnectionIndex? {
        guard let entry = live(stream) else { return nil }
        entry.pointee.refreshProgress()
        return entry.pointee.upstream
    }

    /// Whether a stream's last answer is with the writer's socket now. Then the connection is free
    /// for the next stream, and drops what still comes of this one.
    mutating func noteAnswered(on index: ConnectionIndex, _ core: inout Core<Ring>) -> Bool {
        let connection = core.transport.at(index)
        guard let stream = connection.role.stream else { return false }
        let entry = at(stream)
        guard entry.pointee.seal.isWanted, entry.pointee.seal.isAnswered else { return false }
        connection.role.answered = entry.pointee.block
        return true
    }
}
