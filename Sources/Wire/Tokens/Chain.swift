/// One datanode of a chain, and where it is reached.
public struct ChainNode: Hashable, Sendable {
    public let node: NodeID
    public let host: String
    public let port: UInt16

    public init(node: NodeID, host: String, port: UInt16) {
        self.node = node
        self.host = host
        self.port = port
    }
}

/// The ordered nodes of one block, as a token covers them.
///
/// Layout: one byte count, then for each node 16 bytes of its id, two bytes port (little-endian),
/// one byte length of the host and the host in UTF-8. The token's chain hash is the first 16 bytes
/// of the SHA-256 of exactly these bytes, so addresses cannot be changed on the way either.
public struct Chain: Hashable, Sendable {
    public let nodes: [ChainNode]

    /// `nil` when the count or a host's length is out of bounds, or a node is named twice.
    public init?(_ nodes: [ChainNode]) {
        guard Limits.chainNodes.contains(nodes.count), Set(nodes.map(\.node)).count == nodes.count,
            nodes.allSatisfy({ Limits.hostBytes.contains($0.host.utf8.count) && $0.port != 0 })
        else { return nil }
        self.nodes = nodes
    }

    public func encoded() -> [UInt8] {
        var bytes = [UInt8(nodes.count)]
        for node in nodes {
            bytes += node.node.bytes
            bytes += [UInt8(node.port & 0xff), UInt8(node.port >> 8), UInt8(node.host.utf8.count)]
            bytes += Array(node.host.utf8)
        }
        return bytes
    }

    /// Reads exactly `bytes`; `nil` when something is missing, left over or out of bounds.
    public init?(decoding bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        guard let count = rest.popFirst() else { return nil }
        var nodes: [ChainNode] = []
        for _ in 0..<count {
            guard let id = NodeID(bytes: rest.prefix(16)), rest.count >= 19 else { return nil }
            rest = rest.dropFirst(16)
            let port = UInt16(rest[rest.startIndex]) | UInt16(rest[rest.startIndex + 1]) << 8
            let length = Int(rest[rest.startIndex + 2])
            rest = rest.dropFirst(3)
            guard rest.count >= length,
                let host = String(validating: rest.prefix(length), as: UTF8.self)
            else { return nil }
            rest = rest.dropFirst(length)
            nodes.append(ChainNode(node: id, host: host, port: port))
        }
        guard rest.isEmpty else { return nil }
        self.init(nodes)
    }

    /// What a token carries of the chain.
    public var hash: [UInt8] { Array(SHA256.hash(encoded()).prefix(16)) }
}

/// The payload of `write` and `read`: a token's 128 bytes, then the chain it covers.
public struct Credentials: Equatable, Sendable {
    public let token: [UInt8]
    public let chain: Chain

    public init(token: [UInt8], chain: Chain) {
        self.token = token
        self.chain = chain
    }

    public func encoded() -> [UInt8] { token + chain.encoded() }

    /// `nil` when the payload is too short for a token or its chain cannot be read.
    public init?(decoding bytes: some Collection<UInt8>) {
        guard bytes.count > Token.byteCount,
            let chain = Chain(decoding: bytes.dropFirst(Token.byteCount))
        else { return nil }
        self.init(token: Array(bytes.prefix(Token.byteCount)), chain: chain)
    }
}
