import Foundation

/// How a datanode shows on a connection that it knows the cluster's secret: HMAC-SHA256 over the
/// challenge of that connection's greeting and what is being said. What the two cover differs in
/// length, so neither can be taken for the other.
public enum MembershipProof {
    /// REGISTER: challenge, node, incarnation.
    public static func register(
        challenge: [UInt8], node: NodeID, incarnation: [UInt8]
    ) -> [UInt8] {
        challenge + node.bytes + incarnation
    }

    /// HEARTBEAT: challenge, node, session. A session goes on over another connection, which has
    /// proved nothing yet.
    public static func heartbeat(
        challenge: [UInt8], node: NodeID, session: UInt64
    ) -> [UInt8] {
        challenge + node.bytes + withUnsafeBytes(of: session.littleEndian) { Array($0) }
    }

    public static func make(_ covered: [UInt8], secret: [UInt8]) -> Data {
        Data(HMACKey(secret).code(of: covered))
    }

    /// Compares in constant time.
    public static func isValid(_ proof: Data, _ covered: [UInt8], secret: [UInt8]) -> Bool {
        HMACKey(secret).isCode(proof, of: covered)
    }
}
