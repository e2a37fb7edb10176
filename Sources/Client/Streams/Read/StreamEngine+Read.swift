import Reactor
import System
import Transport
import Wire

// Steps 1 and 2 of a read, and how a read begins, takes another replica and ends.
extension StreamEngine where Ring: ~Copyable {
    /// Begins to read a range of a block.
    /// - Returns: `nil` when `settings.reads` or `settings.connections` is reached.
    package mutating func read(_ request: ReadRequest) -> ReadID? {
        let reader = BlockReader(request, slots: settings.slots)
        guard let index = reads.insert(reader) else { return nil }
        guard connect(index) else {
            reads.remove(index)
            return nil
        }
        return ReadID(index: index)
    }

    /// Goes on with a stopped read at another replica, or at the same with another token: only what
    /// is not verified is asked for.
    package mutating func redirect(
        _ id: ReadID, to address: SocketAddress, opening: StreamOpening
    ) -> Bool {
        let entry = reads.at(id.index)
        precondition(entry.pointee.isStopped, "only a stopped read is redirected")
        entry.pointee.address = address
        entry.pointee.opening = opening
        entry.pointee.assembly.restart()
        return connect(id.index)
    }

    private mutating func connect(_ read: ReadIndex) -> Bool {
        let entry = reads.at(read)
        guard let connection = connection(to: entry.pointee.address, for: .read(read)) else {
            return false
        }
        entry.pointee.connection = connection
        entry.pointee.isAnswered = false
        entry.pointee.isStopped = false
        watchRead(read)
        pump(connection)
        return true
    }

    /// Gives a read up. Bytes on their way to the sink still arrive there.
    package mutating func end(_ id: ReadID) { endRead(id.index) }

    /// Gives a slot of a `payload` event back.
    package mutating func consumed(_ id: ReadID, slot: BufferIndex) { slotDrained(id.index, slot) }

    mutating func pumpRead(_ read: ReadIndex, _ index: ConnectionIndex) {
        let entry = reads.at(read)
        guard !transport.at(index).role.isRequestSent else { return }
        transport.at(index).role.isRequestSent = true
        var header = FrameHeader(.read)
        header.block = entry.pointee.assembly.block
        header.epoch = entry.pointee.assembly.epoch
        header.offset = entry.pointee.assembly.request.lowerBound
        header.length = UInt64(entry.pointee.assembly.request.count)
        if index == entry.pointee.rival, let opening = entry.pointee.rivalOpening {
            entry.pointee.rivalProof = opening.complete(&header, using: &random)
            return sendControl(index, header, payload: opening.payload)
        }
        entry.pointee.proof = entry.pointee.opening.complete(&header, using: &random)
        sendControl(index, header, payload: entry.pointee.opening.payload)
    }

    /// 1. Whether a data frame is the one that must come next. `false`: the stream ended over it.
    mutating func judged(_ read: ReadIndex, _ header: FrameHeader) -> Bool {
        let entry = reads.at(read)
        do throws(ReadAssembly.Violation) {
            try entry.pointee.assembly.judge(header)
            return true
        } catch {
            fail(entry.pointee.connection, .protocolError("a frame against the rules (\(error))"))
            return false
        }
    }

    /// 2. A payload is here. `false`: the stream is over, well or not.
    mutating func arrived(_ read: ReadIndex, _ slot: BufferIndex, _ header: FrameHeader) -> Bool {
        let entry = reads.at(read)
        let slice: ReadAssembly.Slice
        do throws(ReadAssembly.Violation) {
            slice = try entry.pointee.assembly.take(header, payload(of: slot))
        } catch {
            releaseSlot(slot)
            fail(entry.pointee.connection, notTaken(read, header, error))
            return false
        }
        if slice.count > 0 {
            records[Int(slot)].start = slice.start
            records[Int(slot)].wanted = slice.count
            records[Int(slot)].position = slice.offset
            entry.pointee.held += 1
            entry.pointee.arrived.append(slot)
        } else {
            releaseSlot(slot)
        }
        entry.pointee.hasProgress = true
        tell(read: read)
        drain(read)
        guard header.flags.contains(.last) else {
            watchRead(read)
            return true
        }
        let connection = entry.pointee.connection
        entry.pointee.connection = -1
        transport.clear(timer: timer(ofRead: read))
        free(connection)
        return false
    }

    /// Why a frame's bytes go to nobody. When it is for the block as a whole, all of it is read
    /// again: a sink that can be written anywhere takes the new bytes over the old ones.
    private mutating func notTaken(
        _ read: ReadIndex, _ header: FrameHeader, _ violation: ReadAssembly.Violation
    ) -> StreamFailure {
        let entry = reads.at(read)
        switch violation {
        case .otherBlock, .mixedBlock:
            entry.pointee.assembly.startOver(again: entry.pointee.sink?.position != nil)
            return violation == .mixedBlock ? .mixedBlock : .otherBlock
        case .passedOn: return .passedOn
        default: return .corrupt(header.offset)
        }
    }

    // MARK: Its deadline

    @inline(__always)
    func timer(ofRead read: ReadIndex) -> Int { writes.capacity + Int(read) }

    /// The replica owes the next frame.
    mutating func watchRead(_ read: ReadIndex) {
        transport.arm(timer: timer(ofRead: read), within: settings.progressTimeout)
    }

    mutating func readExpired(_ read: ReadIndex) {
        guard reads.isUsed(read), reads.at(read).pointee.connection >= 0 else { return }
        for connection in [reads.at(read).pointee.rival, reads.at(read).pointee.connection]
        where connection >= 0 { failSilent(connection) }
    }

    // MARK: Stopping

    mutating func readStopped(
        _ read: ReadIndex, on index: ConnectionIndex, _ failure: StreamFailure
    ) {
        let entry = reads.at(read)
        if entry.pointee.rival >= 0 { return narrow(read, without: index, failure) }
        entry.pointee.connection = -1
        transport.clear(timer: timer(ofRead: read))
        guard !entry.pointee.isEnding else { return }
        entry.pointee.isStopped = true
        entry.pointee.failure = failure
        tell(read: read)
    }

    mutating func endRead(_ read: ReadIndex) {
        let entry = reads.at(read)
        guard !entry.pointee.isEnding else { return }
        entry.pointee.isEnding = true
        closeConnections(ofRead: read)
        transport.clear(timer: timer(ofRead: read))
        while let slot = entry.pointee.arrived.popFirst() {
            entry.pointee.held -= 1
            releaseSlot(slot)
        }
        removeIfSettled(read: read)
    }

    mutating func removeIfSettled(read: ReadIndex) {
        let entry = reads.at(read)
        guard entry.pointee.isEnding, entry.pointee.held == 0, !entry.pointee.isTeller else {
            return
        }
        reads.remove(read)
    }
}
