import Reactor
import Transport
import Wire

// Step 2 of the write path: who may write which block. Once per stream; the frames after it only
// name the stream.
//
// A connection shows credentials before it gets anything of what streams share. They lie in the
// connection's own memory, and connections without valid ones have places of their own, so that
// strangers however many and slow cost nobody else anything (`ConnectionPlaces`).
extension Datanode where Ring: ~Copyable {
    /// Credentials are whole, on the reactor that may not be the one that has the block.
    mutating func credentialsComplete(_ index: ConnectionIndex) {
        let header = core.transport.at(index).header
        core.counters.bytesReceived &+= UInt64(header.bodyBytes)
        takeIn(index, header)
    }

    /// As above, also for what was received by another reactor.
    mutating func takeIn(_ index: ConnectionIndex, _ header: FrameHeader) {
        guard !handOver(index, header) else { return }
        if header.operation == .write {
            admitWrite(index, header)
        } else {
            follow(reads.admit(index, header, &core))
        }
        continueReceiving(index)
    }

    /// A `write` frame with its credentials.
    mutating func admitWrite(_ index: ConnectionIndex, _ header: FrameHeader) {
        switch core.judge(index, header, mode: .write) {
        case .failure(let refused):
            core.beginStream(index, header, key: nil)
            fail(index, refused.status)
        case .success(let admitted):
            core.beginStream(index, header, key: admitted.key)
            switch writes.findOrMake(admitted, expected: header.length, &core) {
            case .failure(let refused): fail(index, refused.status)
            case .success(let stream):
                writes.at(stream).pointee.join.pace.level = header.flags.level
                attach(index, to: stream, admitted)
            }
        }
    }

    /// Gives the block's stream to this connection; an older one of the same writer ends.
    private mutating func attach(
        _ index: ConnectionIndex, to stream: StreamIndex, _ admitted: TokenCheck.Admitted
    ) {
        let entry = writes.at(stream)
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
        entry.pointee.seal.restart(isBegun: entry.pointee.file.isSealBegun)
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
        _ index: ConnectionIndex, _ header: FrameHeader, mode: Token.Modes
    ) -> Result<TokenCheck.Admitted, TokenCheck.Refused> {
        let memory = transport.bodyMemory(of: index)
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
