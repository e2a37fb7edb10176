import Transport
import Wire

/// What holds between two events, whatever they are. Debug builds and simulations check it after
/// each completion (`DatanodeSettings.checksInvariants`).
extension Datanode where Ring: ~Copyable {
    mutating func checkInvariants() {
        core.transport.checkInvariants()
        for index in 0..<Int32(core.transport.capacity) where core.transport.isUsed(index) {
            checkLinks(ofConnection: index)
        }
        for stream in 0..<Int32(writes.capacity) where writes.isUsed(stream) {
            checkLinks(ofStream: stream)
        }
        let budget = core.settings.budget
        writes.checkInvariants(budget, isIdle: isIdle)
        core.buffers.checkInvariants(budget, isIdle: isIdle)
        core.blocks.checkInvariants()
        reads.checkInvariants(core)
        deletions.checkInvariants()
        scrubs.checkInvariants()
    }

    /// A connection and what it carries know each other.
    private mutating func checkLinks(ofConnection index: ConnectionIndex) {
        let connection = core.transport.at(index)
        let role = connection.role
        role.checkInvariants()
        precondition(
            role.failure == nil || connection.isDropping || !connection.isLive,
            "after a failure nothing counts")
        let (stream, reader) = (role.stream, role.reader)
        precondition(
            connection.isLive || stream < 0 && reader < 0, "who closes has let go")
        if reader >= 0 { precondition(reads.connection(of: reader) == index) }
        guard stream >= 0 else { return }
        switch role.side {
        case .inbound: precondition(writes.at(stream).pointee.upstream == index)
        case .outbound: precondition(writes.at(stream).pointee.downstream == index)
        }
    }

    private mutating func checkLinks(ofStream stream: StreamIndex) {
        let entry = writes.at(stream)
        let (upstream, downstream) = (entry.pointee.upstream, entry.pointee.downstream)
        if upstream >= 0 { precondition(core.transport.at(upstream).role.stream == stream) }
        if downstream >= 0 {
            precondition(core.transport.at(downstream).role.stream == stream)
        }
        precondition(
            core.blocks.stream(of: entry.pointee.block) == stream, "its block is open once")
    }
}
