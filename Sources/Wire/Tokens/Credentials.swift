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
