/// How one stream is opened: what the node is shown, and how it is known to be that node.
public struct StreamOpening: Equatable, Sendable {
    /// The payload of `write` or `read`: `Credentials.encoded()`.
    public let payload: [UInt8]
    public let key: StreamKey
    /// Of the node that is spoken to, in the chain of the payload.
    public let place: Int

    public init(_ credentials: Credentials, key: StreamKey, place: Int = 0) {
        payload = credentials.encoded()
        self.key = key
        self.place = place
    }

    /// Completes a `write` or `read` frame: whom it is for, what the answer must prove, and the
    /// payload's checksum.
    /// - Returns: what the first answer has to show.
    public func complete(
        _ header: inout FrameHeader, using generator: inout some RandomNumberGenerator
    ) -> ProofCheck {
        header.checksum = CRC32C.of(payload)
        return header.demandProof(key: key, place: place, using: &generator)
    }
}

extension FrameHeader {
    /// Asks the node at `place` of the chain to prove itself.
    /// - Returns: what its first answer has to show.
    public mutating func demandProof(
        key: StreamKey, place: Int, using generator: inout some RandomNumberGenerator
    ) -> ProofCheck {
        self.place = UInt32(place)
        challenge = Challenge(using: &generator)
        return ProofCheck(of: self, key: key)
    }
}
