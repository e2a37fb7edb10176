import System
import Wire

/// The values behind the golden bytes of tokens, chains and receipts.
enum Sample {
    static let secret = [UInt8](0..<32)
    static let keyID = KeyID(counter: 5, random: 0xabcd_ef01)
    static let cluster = ClusterID(high: 0x1011_1213_1415_1617, low: 0x1819_1a1b_1c1d_1e1f)
    static let lease = LeaseID(high: 0x2021_2223_2425_2627, low: 0x2829_2a2b_2c2d_2e2f)
    static let head = NodeID(high: 0x3031_3233_3435_3637, low: 0x3839_3a3b_3c3d_3e3f)
    static let tail = NodeID(high: 0x4041_4243_4445_4647, low: 0x4849_4a4b_4c4d_4e4f)

    /// Made at this machine's monotonic millisecond 10,000.
    static let key = SigningKey(id: keyID, secret: secret, made: 10_000).unsafelyUnwrapped

    static let chain = Chain([
        ChainNode(node: head, host: "127.0.0.1", port: 7_001),
        ChainNode(node: tail, host: "::1", port: 65_535),
    ]).unsafelyUnwrapped

    static let token = Token(
        modes: .write, issued: 1_000, key: keyID, cluster: cluster, block: BlockID(42),
        epoch: Epoch(7), lease: lease, chainHash: chain.hash, maxLength: 128 << 20,
        duration: 60_000)

    static let receipt = Receipt(
        level: .written, checksum: 0xe306_9283, key: keyID, cluster: cluster, block: BlockID(42),
        epoch: Epoch(7), length: 9)

    static let chainBytes = bytes(
        hex: """
            02303132333435363738393a3b3c3d3e3f591b093132372e302e302e31404142
            434445464748494a4b4c4d4e4fffff033a3a31
            """)

    static let tokenBytes = bytes(
        hex: """
            01020000e803000001efcdab05000000101112131415161718191a1b1c1d1e1f
            2a000000000000000700000000000000202122232425262728292a2b2c2d2e2f
            0c2b2791d92f7e29c219382c5eefbe13000000080000000060ea000000000000
            63e6a33a1aaf0b39548852c79dda9aec5b70f5df5e49100efca340879a52af18
            """)

    static let receiptBytes = bytes(
        hex: """
            01010000839206e301efcdab05000000101112131415161718191a1b1c1d1e1f
            2a00000000000000070000000000000009000000000000000000000000000000
            2d26f49eab20ee4d2167fcefed472a9c719f402765d96c4ff7ecdf545a074544
            """)
}

/// The bytes that hexadecimal text spells; white space is skipped.
func bytes(hex text: String) -> [UInt8] {
    guard let bytes = [UInt8](hexadecimal: text.filter { !$0.isWhitespace }) else {
        preconditionFailure("hexadecimal text")
    }
    return bytes
}
