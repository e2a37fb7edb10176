import Reactor
import Transport
import Wire

// Which stream a writer gets: the one its block has, or a new one.
extension WritePath where Ring: ~Copyable {
    /// A writer has its stream.
    struct Attached {
        let stream: StreamIndex
        /// An older connection of the same writer, which ends.
        let superseded: ConnectionIndex?
        /// Its chain behind cannot be reached.
        let loss: Successors<Ring>.Loss?
    }

    /// A `write` frame with its credentials, which are good: its connection gets the block's
    /// stream.
    mutating func attach(
        _ index: ConnectionIndex, _ opening: FrameHeader, _ admitted: TokenCheck.Admitted,
        _ core: inout Core<Ring>
    ) -> Result<Attached, TokenCheck.Refused> {
        let stream: StreamIndex
        switch findOrMake(admitted, expected: opening.length, &core) {
        case .failure(let refused): return .failure(refused)
        case .success(let found): stream = found
        }
        let entry = at(stream)
        let previous = entry.pointee.upstream
        if let previous {
            core.transport.at(previous).role.stream = nil
            core.connections.places.rest(previous)
        }
        entry.pointee.upstream = index
        letGo(stream, &core)
        entry.pointee.begin(admitted, level: opening.flags.level)
        core.transport.at(index).role.stream = stream
        core.connections.places.begin(index)
        let loss =
            entry.pointee.isTail
            ? nil : successors.dial(stream, &entry.pointee, for: index, &core)
        return .success(Attached(stream: stream, superseded: previous, loss: loss))
    }

    /// The stream of the token's block, found or made.
    /// - Parameter expected: the block's length as its writer foresees it, or 0.
    private mutating func findOrMake(
        _ admitted: TokenCheck.Admitted, expected: UInt64, _ core: inout Core<Ring>
    ) -> Result<StreamIndex, TokenCheck.Refused> {
        let token = admitted.token
        guard !core.isFenced else { return refuse(.fenced) }
        guard !core.isDraining, !core.isStopping else { return refuse(.shuttingDown) }
        guard !core.blocks.isDying(token.block) else { return refuse(.notFound) }
        if let open = core.blocks.stream(of: token.block) {
            let stream = at(open)
            guard token.incarnation == stream.pointee.incarnation else {
                return refuse(.tokenWrongBlock)
            }
            guard token.epoch >= stream.pointee.epoch else { return refuse(.tokenStaleEpoch) }
            guard token.epoch == stream.pointee.epoch, token.lease == stream.pointee.lease else {
                return refuse(.superseded)
            }
            // It is being closed; the same token is good in a moment.
            guard !stream.pointee.isEnding else { return refuse(.busy) }
            return .success(open)
        }
        if let record = core.blocks[token.block] {
            // The same number, given by another copy of the namespace: its bytes stay.
            guard token.incarnation == record.incarnation || record.epoch == Epoch(0) else {
                return refuse(.tokenWrongBlock)
            }
            guard token.epoch >= record.epoch else { return refuse(.tokenStaleEpoch) }
            switch record.state {
            // Its seal may have outlived its bytes: of what was not synced, a power cut keeps what
            // it likes. An answer would ack them, and a sync make the loss durable.
            case .sealed where record.isFound: return refuse(.mayBeLost)
            case .sealed where token.epoch == record.epoch:
                // A writer that comes back after a failed sync would have it done once more.
                guard !core.blocks.devices[record.device].isFailed else {
                    return refuse(.deviceFailed)
                }
                return open(admitted, record, &core)
            case .lost: return refuse(.deviceFailed)
            case .gone: return refuse(.notFound)
            case .corrupt: return refuse(.corrupt)
            case .open, .mayBeLost, .sealed: return refuse(.mayBeLost)
            }
        }
        // Its token may outlive it.
        guard !core.blocks.remembersDeleted(token.block, token.epoch) else {
            return refuse(.notFound)
        }
        let bytes = expected == 0 ? token.maxLength : min(expected, token.maxLength)
        guard let device = core.blocks.chooseDevice(bytes) else {
            return refuse(core.blocks.devices.allSatisfy(\.isFailed) ? .deviceFailed : .noSpace)
        }
        return make(admitted, on: device, bytes: bytes, &core)
    }

    private func refuse<Value>(_ status: Status) -> Result<Value, TokenCheck.Refused> {
        .failure(TokenCheck.Refused(status: status))
    }

    /// A block that is not here gets a file.
    private mutating func make(
        _ admitted: TokenCheck.Admitted, on device: Int, bytes: UInt64, _ core: inout Core<Ring>
    ) -> Result<StreamIndex, TokenCheck.Refused> {
        let token = admitted.token
        guard !isFull else { return refuse(.busy) }
        let pages = BlockLayout.filePages(length: bytes)
        let spare = core.blocks.takeSpare(pages: pages, of: device)
        var stream = WriteStream(
            admitted, file: BlockFile(of: spare), device: device,
            endsHere: core.settings.isForwardNull)
        if spare == nil { stream.claim(pages: pages, of: &core.blocks) }
        stream.reserved = token.maxLength
        core.blocks.use(token.maxLength, on: device)
        core.blocks.record(
            token.block,
            BlockRecord(
                epoch: token.epoch, length: 0, checksum: 0, state: .open, device: device,
                incarnation: token.incarnation))
        return insert(stream, &core).map(Result.success) ?? refuse(.busy)
    }

    /// A block that is sealed here is opened for what its writer sends again.
    private mutating func open(
        _ admitted: TokenCheck.Admitted, _ record: BlockRecord, _ core: inout Core<Ring>
    ) -> Result<StreamIndex, TokenCheck.Refused> {
        guard !isFull else { return refuse(.busy) }
        var stream = WriteStream(
            admitted, file: .sealed, device: record.device, length: record.length,
            endsHere: core.settings.isForwardNull)
        stream.seal.reached = .written
        stream.seal.length = record.length
        stream.seal.checksum = record.checksum
        stream.seal.isRequested = true
        stream.refreshProgress()
        return insert(stream, &core).map(Result.success) ?? refuse(.busy)
    }
}
