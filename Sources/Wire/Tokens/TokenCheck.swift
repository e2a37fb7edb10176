/// What a datanode knows when it judges a token.
public struct TokenCheck: Sendable {
    public let cluster: ClusterID
    public let node: NodeID
    public let keys: KeyRing
    /// This machine's monotonic clock in milliseconds, the one `SigningKey.made` is on.
    public let now: Int64

    /// How much longer than its duration a token is honoured: keys arrive up to a heartbeat late.
    public static let graceMilliseconds: Int64 = 2_000

    public init(cluster: ClusterID, node: NodeID, keys: KeyRing, now: Int64) {
        self.cluster = cluster
        self.node = node
        self.keys = keys
        self.now = now
    }

    /// A token that passed, and this node's place in its chain.
    public struct Admitted: Equatable, Sendable {
        public let token: Token
        public let chain: Chain
        public let position: Int
        /// What this node proves itself with, and the node behind it.
        public let key: StreamKey
    }

    public struct Refused: Error, Equatable, Sendable {
        public let status: Status

        public init(status: Status) { self.status = status }
    }

    /// Judges credentials for one operation on one block, in this order: layout, key, signature,
    /// cluster, chain and place, mode and block, time. Nothing that a token says is believed before
    /// its signature is. The caller compares the epoch and the length with what it holds. Time
    /// until the answer does not depend on how much of a signature is right.
    /// - Parameter opening: the `write` or `read` frame: it says the place it is for, the block and
    ///   the epoch.
    public func admit(
        _ credentials: Credentials, mode: Token.Modes, opening: FrameHeader
    ) -> Result<Admitted, Refused> {
        guard let token = Token(decoding: credentials.token) else { return refuse(.tokenMalformed) }
        guard let key = keys[token.key] else { return refuse(.tokenUnknownKey) }
        let body = credentials.token.prefix(Token.signedBytes)
        guard key.signed(body, as: credentials.token.suffix(32)) else {
            return refuse(.tokenForged)
        }
        guard token.cluster == cluster else { return refuse(.tokenWrongCluster) }
        guard token.chainHash == credentials.chain.hash else { return refuse(.tokenWrongChain) }
        let nodes = credentials.chain.nodes
        guard nodes.indices.contains(Int(opening.place)), nodes[Int(opening.place)].node == node
        else { return refuse(.tokenWrongNode) }
        guard token.modes.isSuperset(of: mode) else { return refuse(.tokenWrongMode) }
        guard token.block == opening.block else { return refuse(.tokenWrongBlock) }
        guard token.epoch == opening.epoch else { return refuse(.tokenStaleEpoch) }
        let end = key.made + Int64(token.issued) + Int64(token.duration)
        guard now <= end + Self.graceMilliseconds else { return refuse(.tokenExpired) }
        return .success(
            Admitted(
                token: token, chain: credentials.chain, position: Int(opening.place),
                key: key.streamKey(of: credentials.token)))
    }

    private func refuse(_ status: Status) -> Result<Admitted, Refused> {
        .failure(Refused(status: status))
    }
}
