/// How signing keys travel from the namenode to one datanode: sealed with a key that both derive
/// from the cluster's secret and from a challenge of either's.
///
/// ChaCha20-Poly1305 (RFC 8439) under HKDF-SHA256(cluster secret; salt: the namenode's challenge of
/// the connection, then the datanode's of the message; info: `catena signing keys`, then the node
/// id). The nonce is the signing key's number (8 bytes, little-endian) and four zero bytes: under
/// one derived key a number is only ever sealed with the same secret. What is sealed are the 32
/// bytes of the secret; the tag of 16 follows them.
public struct KeySeal: Sendable {
    public static let challengeBytes = 16
    public static let sealedBytes = SigningKey.secretBytes + ChaChaPoly.tagBytes

    private let key: [UInt8]

    /// - Parameters:
    ///   - namenode: the challenge of the connection's greeting.
    ///   - datanode: the challenge of the message that is answered.
    public init(secret: [UInt8], node: NodeID, namenode: [UInt8], datanode: [UInt8]) {
        key = HMACKey.derive(
            from: secret, salt: namenode + datanode,
            info: Array("catena signing keys".utf8) + node.bytes, count: ChaChaPoly.keyBytes)
    }

    public func close(_ secret: [UInt8], id: KeyID) -> [UInt8] {
        ChaChaPoly.seal(secret, key: key, nonce: Self.nonce(id))
    }

    /// `nil`: whoever closed it does not know the cluster's secret, or it is an answer to another
    /// challenge or to another node.
    public func open(_ sealed: [UInt8], id: KeyID) -> [UInt8]? {
        guard sealed.count == Self.sealedBytes else { return nil }
        return ChaChaPoly.open(sealed, key: key, nonce: Self.nonce(id))
    }

    private static func nonce(_ id: KeyID) -> [UInt8] {
        withUnsafeBytes(of: id.number.littleEndian) { Array($0) } + [0, 0, 0, 0]
    }
}
