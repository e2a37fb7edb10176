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
    /// Credentials are whole: here, or on the reactor that the connection came from.
    mutating func takeIn(_ index: ConnectionIndex) {
        let header = core.transport.at(index).header
        switch others.move(index, header, &core) {
        case .moved: return
        case .refused(let status):
            core.beginStream(index, header, key: nil)
            return fail(index, status)
        case .stays: break
        }
        if header.operation == .write {
            admitWrite(index, header)
        } else {
            follow(reads.admit(index, header, &core))
        }
        continueReceiving(index)
    }

    /// A `write` frame with its credentials. An older connection of the same writer ends.
    private mutating func admitWrite(_ index: ConnectionIndex, _ header: FrameHeader) {
        switch core.judge(index, header, mode: .write) {
        case .failure(let refused):
            core.beginStream(index, header, key: nil)
            fail(index, refused.status)
        case .success(let admitted):
            core.beginStream(index, header, key: admitted.key)
            switch writes.attach(index, header, admitted, &core) {
            case .failure(let refused): fail(index, refused.status)
            case .success(let attached):
                if let previous = attached.superseded { fail(previous, .superseded) }
                if let loss = attached.loss { successorLost(attached.stream, loss) }
                proceed(attached.stream)
            }
        }
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
