import Reactor
import Transport
import Wire

/// The reads of a reactor: admit (1), find the block's checksums (2), read ahead from the device
/// (3), send in order (4) from the buffer the device filled. The stored checksums travel; the
/// reader is the one who compares.
///
/// Before that, `WritePath.judgeHeader` judges the header of a `read` frame, and `WritePath.answer`
/// sends a read's error frame: one connection may carry writes and reads, one after the other.
struct ReadPath<Ring: RingBackend & ~Copyable>: ~Copyable {
    var readers: Readers

    init(_ budget: Budget) { readers = Readers(budget) }

    /// What a read wants of its connection that is not for a read to do.
    enum Wish {
        /// The read failed, and has let go of the connection: its peer is to hear why.
        case fail(ConnectionIndex, Status, String? = nil)
        /// It ends without a word.
        case close(ConnectionIndex)
        /// Its peer is gone.
        case ended(ConnectionIndex)
        /// The read is answered: the next frame may be taken up.
        case resume(ConnectionIndex)
        /// An error that waited for a frame to be out is to be sent.
        case answer(ConnectionIndex)
    }

    var count: Int { readers.count }

    func connection(of reader: ReaderIndex) -> ConnectionIndex {
        readers.at(reader).pointee.connection
    }

    // MARK: 1. Admit

    /// A `read` frame with its credentials.
    mutating func admit(
        _ index: ConnectionIndex, _ header: FrameHeader, _ core: inout Core<Ring>
    ) -> Wish? {
        switch core.judge(index, header, mode: .read) {
        case .failure(let refused):
            core.beginStream(index, header, key: nil)
            return .fail(index, refused.status)
        case .success(let admitted):
            core.beginStream(index, header, key: admitted.key)
            guard !core.isDraining else { return .fail(index, .shuttingDown) }
            guard !core.settings.isDeviceNull else {
                return .fail(
                    index, .deviceFailed, "this bench node keeps no bytes (--null-device)")
            }
            switch find(header, admitted.token.incarnation, core.blocks) {
            case .failure(let refused): return .fail(index, refused.status)
            case .success(let record): return begin(index, header, record, &core)
            }
        }
    }

    private func find(
        _ header: FrameHeader, _ incarnation: NamespaceIncarnation, _ blocks: borrowing Blocks
    ) -> Result<BlockRecord, TokenCheck.Refused> {
        func refuse(_ status: Status) -> Result<BlockRecord, TokenCheck.Refused> {
            .failure(TokenCheck.Refused(status: status))
        }
        guard let record = blocks[header.block], !blocks.isDying(header.block) else {
            return refuse(.notFound)
        }
        // The same number, given by another copy of the namespace.
        guard record.incarnation == incarnation || record.epoch == Epoch(0) else {
            return refuse(.notFound)
        }
        guard header.epoch >= record.epoch else { return refuse(.tokenStaleEpoch) }
        // An older copy than the one that is asked for, or a file of which the name alone is known.
        guard header.epoch == record.epoch else { return refuse(.mayBeLost) }
        switch record.state {
        case .open: return refuse(.notSealed)
        case .mayBeLost:
            // The rest may have been there too, so beyond what is known it is not `badRange`.
            guard header.length > 0, header.offset + header.length <= record.length else {
                return refuse(.mayBeLost)
            }
        case .lost: return refuse(.deviceFailed)
        case .gone: return refuse(.notFound)
        case .corrupt: return refuse(.corrupt)
        case .sealed: break
        }
        guard !blocks.devices[record.device].isFailed else { return refuse(.deviceFailed) }
        guard header.length > 0, header.offset + header.length <= record.length else {
            return refuse(.badRange)
        }
        return .success(record)
    }

    private mutating func begin(
        _ index: ConnectionIndex, _ header: FrameHeader, _ record: BlockRecord,
        _ core: inout Core<Ring>
    ) -> Wish? {
        var stream = ReadStream(
            block: header.block, epoch: header.epoch, device: record.device, connection: index,
            offset: header.offset, length: header.length)
        stream.plan(blockLength: record.length)
        guard let reader = readers.insert(stream) else { return .fail(index, .busy) }
        core.connections.places.begin(index)
        watchTurns(&core)
        core.transport.at(index).role.reader = reader
        core.transport.at(index).role.waiting = .answer
        open(reader, &core)
        return nil
    }

    // MARK: Failing

    /// A read met what cannot be: the block is condemned, on this node's own finding.
    mutating func failCorrupt(
        _ reader: ReaderIndex, _ finding: ScrubFinding, _ core: inout Core<Ring>
    ) -> Wish {
        condemn(reader, finding, &core)
        return fail(reader, .corrupt, &core)
    }

    /// There is no file. Unless the block was deleted meanwhile, this copy is lost.
    mutating func failMissing(_ reader: ReaderIndex, _ core: inout Core<Ring>) -> Wish {
        let block = readers.at(reader).pointee.block
        guard core.blocks[block] != nil, !core.blocks.isDying(block) else {
            return fail(reader, .notFound, &core)
        }
        return failCorrupt(reader, ScrubFinding("its file is gone"), &core)
    }

    /// The device cannot read the block: another copy is to be read, and this one is not asked for
    /// again, though a second try may succeed.
    mutating func failUnreadable(
        _ reader: ReaderIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> Wish {
        guard let finding = ScrubFinding(unreadable: outcome) else {
            return fail(reader, .busy, &core)
        }
        condemn(reader, finding, &core)
        return fail(reader, .deviceFailed, &core)
    }

    private func condemn(
        _ reader: ReaderIndex, _ finding: ScrubFinding, _ core: inout Core<Ring>
    ) {
        let entry = readers.at(reader)
        guard core.blocks[entry.pointee.block]?.epoch == entry.pointee.epoch else { return }
        core.condemn(entry.pointee.block, finding)
    }

    mutating func fail(_ reader: ReaderIndex, _ status: Status, _ core: inout Core<Ring>) -> Wish {
        let entry = readers.at(reader)
        let index = entry.pointee.connection
        // Inside a frame there is no place for an error.
        let isInside = entry.pointee.cut != nil && !entry.pointee.isSending
        letGo(of: index, &core)
        return isInside ? .close(index) : .fail(index, status)
    }

    // MARK: Ending

    /// Parts a connection from its read, if it carries one.
    mutating func letGo(of index: ConnectionIndex, _ core: inout Core<Ring>) {
        let connection = core.transport.at(index)
        let reader = connection.role.reader
        guard let reader else { return }
        end(reader, &core)
        connection.role.reader = nil
        core.restIfSettled(index)
    }

    /// Gives everything back that the kernel does not hold; the rest comes back with its
    /// completions.
    private mutating func end(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        guard readers.end(reader) else { return }
        let entry = readers.at(reader)
        var isFirst = true
        while entry.pointee.count > 0 {
            let buffer = entry.pointee.popFirst()
            let isBeingSent = isFirst && entry.pointee.isSending
            isFirst = false
            if core.buffers[buffer].isReady, !isBeingSent { core.buffers.giveBack(buffer) }
        }
        endIfSettled(reader, &core)
    }

    private mutating func endIfSettled(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        let entry = readers.at(reader)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, !entry.pointee.isClosing else {
            return
        }
        giveBackMetadata(reader, &core)
        guard !entry.pointee.descriptor.isNone else { return readers.remove(reader) }
        entry.pointee.isClosing = true
        start(.closeReader, reader, .close(entry.pointee.descriptor), &core)
    }

    mutating func closed(_ reader: ReaderIndex) { readers.remove(reader) }

    // MARK: Waiting

    /// There is a payload buffer for who waited, if it is still here.
    mutating func bufferCame(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        if readers.isUsed(reader) { readAhead(reader, &core) }
    }

    /// As above, a metadata buffer.
    mutating func metadataCame(_ reader: ReaderIndex, _ core: inout Core<Ring>) {
        if readers.isUsed(reader) { loadMetadata(reader, &core) }
    }

    /// Whether somebody reads the block, or lets go of it.
    func isReading(_ block: BlockID) -> Bool { readers.isReading(block) }

    // MARK: Operations

    mutating func start(
        _ kind: OperationKind, _ reader: ReaderIndex, buffer: BufferIndex? = nil,
        _ request: Request,
        _ core: inout Core<Ring>
    ) {
        readers.at(reader).pointee.pending += 1
        core.reactor.start(
            request, OperationContext(kind: kind.rawValue, owner: reader.owner, buffer: buffer))
    }

    /// An operation of a reader completed. `false`: the reader is ending and only waits for its
    /// operations.
    mutating func endOperation(
        of reader: ReaderIndex, _ core: inout Core<Ring>
    ) -> Bool {
        let entry = readers.at(reader)
        entry.pointee.pending -= 1
        guard entry.pointee.isEnding else { return true }
        endIfSettled(reader, &core)
        return false
    }

    // MARK: What holds

    mutating func checkInvariants(_ core: borrowing Core<Ring>) {
        for reader in readers.places where readers.isUsed(reader) {
            let entry = readers.at(reader)
            entry.pointee.checkInvariants()
            guard !entry.pointee.isEnding else { continue }
            let connection = core.transport.at(entry.pointee.connection)
            precondition(
                connection.role.reader == reader, "a read and its connection agree")
        }
        readers.checkInvariants()
    }
}
