/// What the two ends of a stream know and its path does not: a key of one token, derived from the
/// token's signing key. A datanode derives it from the keys that came with its heartbeats; the
/// namenode hands it to the client beside the token. It travels on no data connection.
public struct StreamKey: Equatable, Sendable {
    public static let byteCount = 32

    public let bytes: [UInt8]
    /// The bytes, made ready once.
    private let key: HMACKey

    /// `nil` when there are not 32 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
        key = HMACKey(self.bytes)
    }

    /// What a node answers to a `write` or `read` frame, to show that it knows this key.
    ///
    /// HMAC-SHA256 over 56 bytes: the label, the frame's operation (1) and three zero bytes, the
    /// place (4), the challenge (16), the block (8) and the epoch (8).
    public func proof(of opening: FrameHeader) -> StreamProof {
        var covered = [UInt8](repeating: 0, count: 56)
        covered.replaceSubrange(0..<16, with: Self.proofLabel)
        covered.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittle(opening.operation.rawValue, at: 16)
            base.storeLittle(opening.place, at: 20)
            base.storeLittle(opening.challenge.first, at: 24)
            base.storeLittle(opening.challenge.second, at: 32)
            base.storeLittle(opening.block.number, at: 40)
            base.storeLittle(opening.epoch.number, at: 48)
        }
        let code = covered.withUnsafeBytes { key.digest(of: $0) }
        return withUnsafeBytes(of: code) { code in
            var proof = StreamProof()
            guard let base = code.baseAddress else { return proof }
            proof.first = base.loadLittle(UInt64.self, at: 0)
            proof.second = base.loadLittle(UInt64.self, at: 8)
            proof.third = base.loadLittle(UInt64.self, at: 16)
            proof.fourth = base.loadLittle(UInt64.self, at: 24)
            return proof
        }
    }

    static let derivationLabel = label("catena stream")
    private static let proofLabel = label("catena answer")

    /// 16 bytes: so nothing that is covered here can be taken for a token or a receipt.
    private static func label(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }
}

extension SigningKey {
    /// The key of the streams that show this token: HMAC-SHA256 over a label and its 128 bytes.
    public func streamKeyBytes(of token: [UInt8]) -> [UInt8] {
        precondition(token.count == Token.byteCount, "a stream key belongs to a whole token")
        return signature(of: StreamKey.derivationLabel + token)
    }

    public func streamKey(of token: [UInt8]) -> StreamKey {
        guard let key = StreamKey(bytes: streamKeyBytes(of: token)) else {
            preconditionFailure("a MAC is as long as a key")
        }
        return key
    }
}
