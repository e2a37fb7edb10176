/// A cluster without a namenode, for benchmarks of the data plane alone: whoever holds its secret
/// derives the same cluster id, node ids and signing key, so a load generator can sign what a
/// namenode would.
///
/// A datanode of a real cluster never accepts such a token: its keys come from its namenode.
public struct BenchCluster: Sendable {
    private let key: HMACKey

    public init(secret: [UInt8]) { key = HMACKey(secret) }

    public var cluster: ClusterID {
        guard let id = ClusterID(bytes: derive("cluster").prefix(16)) else {
            preconditionFailure("a MAC has at least 16 bytes")
        }
        return id
    }

    /// The id of the node that is reached at `host` and `port`, as others are told.
    public func node(host: String, port: UInt16) -> NodeID {
        guard let id = NodeID(bytes: derive("node \(host):\(port)").prefix(16)) else {
            preconditionFailure("a MAC has at least 16 bytes")
        }
        return id
    }

    /// The one key, made when its holder started: tokens under it say `issued` 0.
    /// - Parameter now: milliseconds on the holder's monotonic clock.
    public func key(now: Int64) -> SigningKey {
        guard let key = SigningKey(id: Self.keyID, secret: derive("signing key"), made: now) else {
            preconditionFailure("a MAC is as long as a key")
        }
        return key
    }

    public func keys(now: Int64) -> KeyRing { KeyRing([key(now: now)], current: Self.keyID) }

    /// Credentials for one block on a chain; they hold for as long as the processes that use them.
    public func credentials(
        _ modes: Token.Modes, block: BlockID, lease: LeaseID, maxLength: UInt64, chain: Chain
    ) -> Credentials {
        let token = Token(
            modes: modes, issued: 0, key: Self.keyID, cluster: cluster, block: block,
            epoch: Self.epoch, lease: lease, chainHash: chain.hash, maxLength: maxLength,
            duration: .max)
        return Credentials(token: token.signed(with: key(now: 0)), chain: chain)
    }

    /// By which the nodes that are shown these credentials prove themselves.
    public func streamKey(of credentials: Credentials) -> StreamKey {
        key(now: 0).streamKey(of: credentials.token)
    }

    /// Every block's epoch: nothing is ever repaired.
    public static var epoch: Epoch { Epoch(1) }

    private static var keyID: KeyID { KeyID(counter: 1, random: 0) }

    private func derive(_ purpose: String) -> [UInt8] {
        key.code(of: Array("catena bench \(purpose)".utf8))
    }
}
