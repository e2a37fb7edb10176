import Transport
import Wire

/// What holds between two events, whatever they are. Debug builds and simulations check it after
/// each completion (`DatanodeSettings.checksInvariants`).
extension Datanode where Ring: ~Copyable {
    mutating func checkInvariants() {
        core.transport.checkInvariants()
        for index in core.transport.places
        where core.transport.isUsed(index) {
            checkLinks(ofConnection: index)
        }
        writes.checkInvariants(isIdle: isIdle, &core)
        core.buffers.checkInvariants(core.settings.budget, isIdle: isIdle)
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
            connection.isLive || stream == nil && reader == nil, "who closes has let go")
        if let reader { precondition(reads.connection(of: reader) == index) }
        guard let stream else { return }
        switch role.side {
        case .inbound: precondition(writes.at(stream).pointee.upstream == index)
        case .successor: precondition(writes.successors.connection(of: stream) == index)
        }
    }
}
