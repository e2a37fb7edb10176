import Reactor
import System
import Transport
import Wire

// Who comes in, and whether it may have what it asks for, of writes and of reads.
//
// A connection shows credentials before it gets anything of what streams share. They lie in the
// connection's own memory, and connections without valid ones have places of their own, so that
// strangers however many and slow cost nobody else anything (`ConnectionPlaces`).
extension Core where Ring: ~Copyable {
    /// Takes in a connection whose place was reserved, from the listener or from another reactor.
    /// A stranger may have to give its place up for it.
    mutating func enter(_ descriptor: Descriptor, _ address: SocketAddress) -> ConnectionIndex {
        let index = transport.adopt(
            descriptor, from: address, ConnectionRole(.inbound), .inbound,
            zeroCopyAfter: zeroCopyAfter(.inbound))
        guard let index else {
            preconditionFailure("a connection comes in with a place reserved")
        }
        if let oldest = connections.places.enter(index) {
            counters.unauthenticatedClosed &+= 1
            end(oldest)
        }
        return index
    }

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

    /// A stream begins on a connection that came in: answers repeat its number.
    /// - Parameter key: `nil` when its token is not good: nothing can be proved then.
    mutating func beginStream(_ index: ConnectionIndex, _ opening: FrameHeader, key: StreamKey?) {
        transport.beginStream(index, number: opening.stream)
        transport.at(index).role.beginStream(opening, key: key)
    }
}
