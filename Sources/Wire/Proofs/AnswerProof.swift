/// How the namenode's answer to one message of a datanode shows whose it is: what it grants, what
/// it commands, and its refusals alike.
///
/// HMAC-SHA256 over all bytes of the message before the proof, with 32 bytes of HKDF-SHA256(cluster
/// secret; salt: the namenode's challenge of the connection, then the datanode's of the message;
/// info: `catena answer`, then the node id). The proof is the message's last field, so that what it
/// covers is the bytes as they came and not what somebody makes of them.
public struct AnswerProof: Sendable {
    /// Field 110 of a Reply, 32 bytes long, in protobuf's encoding.
    private static let head: [UInt8] = [0xf2, 0x06, UInt8(HMACKey.codeBytes)]
    private static let bytes = head.count + HMACKey.codeBytes

    private let key: HMACKey

    /// - Parameters:
    ///   - namenode: the challenge of the connection's greeting.
    ///   - datanode: the challenge of the message that is answered.
    public init(secret: [UInt8], node: NodeID, namenode: [UInt8], datanode: [UInt8]) {
        key = HMACKey(
            HMACKey.derive(
                from: secret, salt: namenode + datanode,
                info: Array("catena answer".utf8) + node.bytes, count: HMACKey.codeBytes))
    }

    /// The Reply with its proof behind it.
    /// - Parameter reply: encoded, and without a proof.
    public func proving(_ reply: [UInt8]) -> [UInt8] {
        reply + Self.head + key.code(of: reply)
    }

    /// Whether who knows the cluster's secret sent these bytes, to this node and for this message.
    /// - Parameter reply: as it came.
    public func isProven(_ reply: [UInt8]) -> Bool {
        guard reply.count >= Self.bytes else { return false }
        let covered = reply.dropLast(Self.bytes)
        let proof = reply[covered.endIndex...]
        return proof.starts(with: Self.head)
            && key.isCode(proof.dropFirst(Self.head.count), of: covered)
    }
}
