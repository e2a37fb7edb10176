import Reactor
import Transport
import Wire

// A stream's life between its connections: how it parts from one, and how it ends.
extension WritePath where Ring: ~Copyable {
    // MARK: Its connections

    /// Parts a connection from its stream, if it carries one. A stream waits for its writer to come
    /// back; its chain behind is dialled again then.
    /// - Returns: the stream, when it lost its writer.
    mutating func letGo(
        of index: ConnectionIndex, _ core: inout Core<Ring>
    ) -> StreamIndex? {
        let connection = core.transport.at(index)
        let stream = connection.role.stream
        guard let stream else { return nil }
        let entry = at(stream)
        connection.role.stream = nil
        guard connection.role.side == .inbound else {
            successors.forget(stream, &entry.pointee, &core)
            return nil
        }
        core.restIfSettled(index)
        entry.pointee.upstream = nil
        entry.pointee.desertedAt = core.reactor.now
        letGo(stream, &core)
        return stream
    }

    /// Gives back what a stream holds for its connection: the chain behind, frames beyond a gap, a
    /// duplicate.
    mutating func letGo(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        let entry = at(stream)
        entry.pointee.isWindowFull = false
        successors.drop(stream, &entry.pointee, &core)
        while let buffer = dropHeld(stream) { core.giveBack(buffer, of: &entry.pointee) }
        if let buffer = entry.pointee.duplicate.take() {
            core.giveBack(buffer, of: &entry.pointee)
        }
    }

    // MARK: Ending

    /// Whether the block is of another start of the namenode than the one that answers now, and its
    /// writer has been away for as long as one may be silent, with the node open to it all that
    /// time. A namespace that went on without the block never says that it is to go; one that knows
    /// it has let its lease end long before.
    mutating func isForgotten(_ stream: StreamIndex, _ core: inout Core<Ring>) -> Bool {
        guard let incarnation = core.contact.incarnation, isUsed(stream),
            let entry = live(stream), entry.pointee.incarnation != incarnation,
            entry.pointee.incarnation != .unknown, !entry.pointee.file.isSealBegun,
            let left = entry.pointee.desertedAt
        else { return false }
        return core.contact.silence(since: left, now: core.reactor.now)
            >= core.settings.streamIdleTimeout
    }

    /// Gives an unfinished block up: what is on the device stays, but only what was flushed is
    /// vouched for.
    mutating func abandon(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream) else { return }
        let device = entry.pointee.device
        if entry.pointee.seal.reached == nil, !entry.pointee.isUnlinking {
            core.blocks.record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.flush.durable, checksum: 0,
                    state: core.blocks.devices[device].isFailed ? .lost : .mayBeLost,
                    device: device, incarnation: entry.pointee.incarnation))
        }
        end(stream, &core)
    }

    /// Ends a stream whose block is sealed, or was given up. Everything it holds comes back; it is
    /// freed when the kernel has let go of the rest.
    mutating func end(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream) else { return }
        precondition(entry.pointee.upstream == nil, "a stream ends after its connection")
        letGo(stream, &core)
        entry.pointee.isEnding = true
        while let buffer = entry.pointee.writes.takeUnissued() {
            core.giveBack(buffer, of: &entry.pointee)
        }
    }
}
