import Wire

/// What holds between two events, whatever they are. Debug builds and simulations check it after
/// each (`DatanodeSettings.checksInvariants`).
extension Datanode where Ring: ~Copyable {
    mutating func checkInvariants() {
        for index in 0..<Int32(core.connections.capacity) where core.connections.isUsed(index) {
            core.connections.at(index).pointee.checkInvariants()
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
    private mutating func checkLinks(ofConnection index: Int32) {
        let connection = core.connections.at(index)
        let (stream, reader) = (connection.pointee.stream, connection.pointee.reader)
        precondition(stream < 0 || reader < 0, "it carries a write or a read")
        if reader >= 0 { precondition(reads.connection(of: reader) == index) }
        guard stream >= 0 else { return }
        switch connection.pointee.role {
        case .inbound: precondition(writes.at(stream).pointee.upstream == index)
        case .outbound: precondition(writes.at(stream).pointee.downstream == index)
        }
    }

    private mutating func checkLinks(ofStream stream: Int32) {
        let entry = writes.at(stream)
        let (upstream, downstream) = (entry.pointee.upstream, entry.pointee.downstream)
        if upstream >= 0 { precondition(core.connections.at(upstream).pointee.stream == stream) }
        if downstream >= 0 {
            precondition(core.connections.at(downstream).pointee.stream == stream)
        }
        precondition(
            core.blocks.stream(of: entry.pointee.block) == stream, "its block is open once")
    }
}

extension Connection {
    func checkInvariants() {
        precondition(pending >= 0 && unnotified >= 0, "what began ends once")
        precondition(buffer < 0 || receiving == .payload, "a buffer is received into")
        precondition(failure == nil || receiving == .discarding, "after a failure nothing counts")
        precondition(reader < 0 || receiving == .paused, "a read is answered before what follows")
        precondition(
            role == .outbound || !isSendingFrame || !isSendingControl, "frames leave one by one")
        if life == .closing { precondition(stream < 0 && reader < 0, "who closes has let go") }
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
        precondition(file.buffer < 0 || pending > 0 || isEnding, "a metadata buffer is in use")
        precondition(!file.isSealBegun || seal.isRequested, "who seals was asked to")
        let isFlushing = file.account == .flush && file.work != .free
        precondition(flush.isIdle != isFlushing, "what is flushed is known")
        file.checkInvariants()
        precondition(!isEnding || upstream < 0 && downstream < 0, "who ends has let go")
    }
}
