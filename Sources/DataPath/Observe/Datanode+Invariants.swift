import Wire

/// What holds between two events, whatever they are. Debug builds and simulations check it after
/// each (`DatanodeSettings.checksInvariants`).
extension Datanode where Ring: ~Copyable {
    mutating func checkInvariants() {
        core.transport.checkInvariants()
        for index in 0..<Int32(core.transport.capacity) where core.transport.isUsed(index) {
            checkLinks(ofConnection: index)
        }
        for stream in 0..<Int32(streams.capacity) where streams.isUsed(stream) {
            streams.at(stream).pointee.checkInvariants()
            checkLinks(ofStream: stream)
        }
        let budget = core.settings.budget
        precondition(heldFrames >= 0 && heldFrames <= budget.heldFrames, "held within the bound")
        core.buffers.checkInvariants(budget, isIdle: isIdle)
        core.blocks.checkInvariants()
        reads.checkInvariants(core)
        syncs.checkInvariants(isIdle: isIdle)
        deletions.checkInvariants()
        scrubs.checkInvariants()
        guard isIdle else { return }
        precondition(heldFrames == 0, "nobody is left to count for")
    }

    /// A connection and what it carries know each other.
    private mutating func checkLinks(ofConnection index: Int32) {
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
        case .inbound: precondition(streams.at(stream).pointee.upstream == index)
        case .outbound: precondition(streams.at(stream).pointee.downstream == index)
        }
    }

    private mutating func checkLinks(ofStream stream: Int32) {
        let entry = streams.at(stream)
        let (upstream, downstream) = (entry.pointee.upstream, entry.pointee.downstream)
        if upstream >= 0 { precondition(core.transport.at(upstream).role.stream == stream) }
        if downstream >= 0 {
            precondition(core.transport.at(downstream).role.stream == stream)
        }
        precondition(
            core.blocks.stream(of: entry.pointee.block) == stream, "its block is open once")
    }
}

extension WriteStream {
    func checkInvariants() {
        precondition(pending >= 0, "what began ends once")
        precondition(join.own.isOrdered, "durable <= written <= received")
        precondition(join.own.received <= hwm && writes.written <= hwm, "nothing beyond the HWM")
        precondition(!join.sent.exceeds(join.joined()), "what was acked is true of the chain")
        precondition(frames >= held.count + (comparing >= 0 ? 1 : 0), "each counts in the window")
        precondition((downstream >= 0) == (successor != .none), "who is asked is connected to")
        precondition(metadata < 0 || pending > 0 || isEnding, "a metadata buffer is in use")
        precondition(seal.local == .waiting || seal.isRequested, "who seals was asked to")
        precondition(flush.isIdle == (flush.running == nil), "what is flushed is known")
        precondition(!isEnding || upstream < 0 && downstream < 0, "who ends has let go")
    }
}
