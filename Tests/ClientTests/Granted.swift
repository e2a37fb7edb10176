import Wire

/// What the tests' streams are opened with, as a namenode would have granted it.
enum Granted {
    static let key = StreamKey(bytes: [UInt8](0..<32)).unsafelyUnwrapped
    static let opening = StreamOpening(
        Credentials(
            token: [UInt8](repeating: 3, count: Token.byteCount),
            chain: Chain([ChainNode(node: NodeID(high: 1, low: 2), host: "127.0.0.1", port: 1)])
                .unsafelyUnwrapped), key: key)
}
