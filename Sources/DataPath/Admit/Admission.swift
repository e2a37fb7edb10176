import Reactor
import Wire

// Step 2 of the write path: who may write which block. Once per stream; the frames after it only
// name the stream.
extension Datanode where Ring: ~Copyable {
    /// A `write` frame with its credentials.
    mutating func admitWrite(_ index: Int32, _ header: FrameHeader) {
        switch core.judge(index, header, mode: .write) {
        case .failure(let refused):
            core.beginStream(index, header, key: nil)
            fail(index, refused.status)
        case .success(let admitted):
            core.beginStream(index, header, key: admitted.key)
            switch findOrMakeStream(admitted, expected: header.length) {
            case .failure(let refused): fail(index, refused.status)
            case .success(let stream):
                streams.at(stream).pointee.join.pace.level = header.flags.level
                attach(index, to: stream, admitted)
            }
        }
    }

    /// - Parameter expected: the block's length as its writer foresees it, or 0.
    private mutating func findOrMakeStream(
        _ admitted: TokenCheck.Admitted, expected: UInt64
    ) -> Result<Int32, TokenCheck.Refused> {
        let token = admitted.token
        guard !core.isFenced else { return refuse(.fenced) }
        guard !core.isDraining, !core.isStopping else { return refuse(.shuttingDown) }
        guard !core.blocks.isDying(token.block) else { return refuse(.notFound) }
        if let open = core.blocks.stream(of: token.block) {
            let stream = streams.at(open)
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
                return insert(admitted, device: record.device, sealed: record)
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
        return insert(admitted, device: device, sealed: nil, expected: expected)
    }

    private func refuse<Value>(_ status: Status) -> Result<Value, TokenCheck.Refused> {
        .failure(TokenCheck.Refused(status: status))
    }

    private mutating func insert(
        _ admitted: TokenCheck.Admitted, device: Int, sealed: BlockRecord?, expected: UInt64 = 0
    ) -> Result<Int32, TokenCheck.Refused> {
        let token = admitted.token
        let stream = WriteStream(
            admitted, device: device, length: sealed?.length ?? 0,
            endsHere: core.settings.isForwardNull)
        guard let index = streams.insert(stream) else { return refuse(.busy) }
        core.blocks.open(token.block, for: index)
        if let sealed {
            streams.at(index).pointee.seal.local = .done
            streams.at(index).pointee.seal.reached = .written
            streams.at(index).pointee.seal.length = sealed.length
            streams.at(index).pointee.seal.checksum = sealed.checksum
            streams.at(index).pointee.seal.isRequested = true
            streams.at(index).pointee.refreshProgress()
        } else {
            core.blocks.use(token.maxLength, on: device)
            streams.at(index).pointee.reserved = token.maxLength
            core.blocks.record(
                token.block,
                BlockRecord(
                    epoch: token.epoch, length: 0, checksum: 0, state: .open, device: device,
                    incarnation: token.incarnation))
        }
        if sealed == nil {
            makeFile(index, expected: expected)
        } else {
            openFile(index, isNew: false)
        }
        return .success(index)
    }

    /// Gives the block's stream to this connection; an older one of the same writer ends.
    private mutating func attach(
        _ index: Int32, to stream: Int32, _ admitted: TokenCheck.Admitted
    ) {
        let entry = streams.at(stream)
        let previous = entry.pointee.upstream
        entry.pointee.upstream = index
        if previous >= 0 {
            core.transport.at(previous).role.stream = -1
            core.connections.places.rest(previous)
            fail(previous, .superseded)
        }
        letGo(stream)
        entry.pointee.chain = admitted.chain
        entry.pointee.position = admitted.position
        entry.pointee.key = admitted.key
        entry.pointee.join.restart()
        entry.pointee.seal.restart()
        entry.pointee.flush.restart()
        core.transport.at(index).role.stream = stream
        core.connections.places.begin(index)
        if !entry.pointee.isTail { dial(stream, for: index) }
        proceed(stream)
    }
}

extension Core where Ring: ~Copyable {
    /// Checks a frame's credentials against this node's keys and clock. A connection with valid
    /// ones gives way to nobody while it has a stream.
    mutating func judge(
        _ index: Int32, _ header: FrameHeader, mode: Token.Modes
    ) -> Result<TokenCheck.Admitted, TokenCheck.Refused> {
        let memory = transport.received(of: index)
        let bytes = UnsafeRawBufferPointer(start: memory, count: Int(header.payloadLength))
        guard CRC32C.of(memory, count: bytes.count) == header.checksum else {
            return .failure(TokenCheck.Refused(status: .badPayloadChecksum))
        }
        guard let credentials = Credentials(decoding: bytes) else {
            return .failure(TokenCheck.Refused(status: .badCredentials))
        }
        guard let keys = keys else { return .failure(TokenCheck.Refused(status: .fenced)) }
        let check = TokenCheck(
            cluster: identity.cluster, node: identity.node, keys: keys,
            now: Int64(reactor.now / 1_000_000))
        let answer = check.admit(credentials, mode: mode, opening: header)
        if case .success = answer { connections.places.authenticate(index) }
        return answer
    }
}
