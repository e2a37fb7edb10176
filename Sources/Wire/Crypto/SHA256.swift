import CCrypto

/// SHA-256 (FIPS 180-4), by libcrypto.
///
/// Its state is a plain value, so that one that has taken a key's block is kept and copied for each
/// message (`HMACKey`). libcrypto's `EVP_Digest` would look its method up and allocate each time.
struct SHA256: Sendable {
    static let byteCount = 32
    /// What it works in.
    static let blockBytes = 64

    typealias Digest = InlineArray<32, UInt8>

    private var state = SHA256_CTX()

    init() { SHA256_Init(&state) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        SHA256_Update(&state, bytes.baseAddress, bytes.count)
    }

    mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of what it has taken. Nothing more may follow.
    mutating func finish() -> Digest {
        var digest = Digest(repeating: 0)
        withUnsafeMutableBytes(of: &digest) { target in
            _ = SHA256_Final(target.bindMemory(to: UInt8.self).baseAddress, &state)
        }
        return digest
    }

    static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hash = Self()
        hash.update(bytes)
        return bytesOf(hash.finish())
    }

    static func bytesOf(_ digest: Digest) -> [UInt8] {
        withUnsafeBytes(of: digest) { Array($0) }
    }

    /// Whether two states are the same, in constant time.
    static func isSame(_ one: Self, _ other: Self) -> Bool {
        withUnsafeBytes(of: one.state) { one in
            withUnsafeBytes(of: other.state) { ConstantTime.isEqual(one, $0) }
        }
    }
}

/// Comparisons that take as long wherever the bytes differ.
enum ConstantTime {
    static func isEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        one.count == other.count
            && CRYPTO_memcmp(one.baseAddress, other.baseAddress, one.count) == 0
    }
}
