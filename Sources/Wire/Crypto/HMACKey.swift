import CCrypto

/// HMAC-SHA256 (RFC 2104) with a key that was made ready once: the hash's states behind the two
/// blocks that depend on the key alone. A message costs no more than hashing it and 32 bytes.
public struct HMACKey: Sendable, Equatable {
    public static let codeBytes = SHA256.byteCount

    private let inner: SHA256
    private let outer: SHA256

    public init(_ secret: [UInt8]) {
        let key = secret.count > SHA256.blockBytes ? SHA256.hash(secret) : secret
        inner = Self.state(key, pad: 0x36)
        outer = Self.state(key, pad: 0x5c)
    }

    private static func state(_ key: [UInt8], pad: UInt8) -> SHA256 {
        var block = [UInt8](repeating: pad, count: SHA256.blockBytes)
        for index in key.indices { block[index] ^= key[index] }
        var state = SHA256()
        state.update(block)
        return state
    }

    func digest(of message: UnsafeRawBufferPointer) -> SHA256.Digest {
        var state = inner
        state.update(message)
        let digest = state.finish()
        state = outer
        withUnsafeBytes(of: digest) { state.update($0) }
        return state.finish()
    }

    public func code(of message: [UInt8]) -> [UInt8] {
        SHA256.bytesOf(message.withUnsafeBytes { digest(of: $0) })
    }

    /// Compares in constant time. Bytes that lie behind each other are taken from where they are.
    public func isCode(_ code: some Collection<UInt8>, of message: some Collection<UInt8>) -> Bool {
        let digest = Self.withBytes(of: message) { self.digest(of: $0) }
        return Self.withBytes(of: code) { code in
            withUnsafeBytes(of: digest) { ConstantTime.isEqual($0, code) }
        }
    }

    private static func withBytes<Result>(
        of bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        bytes.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes(body)
    }

    public static func == (one: Self, other: Self) -> Bool {
        SHA256.isSame(one.inner, other.inner) && SHA256.isSame(one.outer, other.outer)
    }

    /// HKDF-SHA256 (RFC 5869): at most 8,160 bytes.
    public static func derive(
        from secret: [UInt8], salt: [UInt8], info: [UInt8], count: Int
    ) -> [UInt8] {
        precondition(count <= 255 * codeBytes, "HKDF makes at most 255 blocks")
        let key = HMACKey(HMACKey(salt).code(of: secret))
        var made: [UInt8] = []
        var last: [UInt8] = []
        var number: UInt8 = 1
        while made.count < count {
            last = key.code(of: last + info + [number])
            made += last
            number &+= 1
        }
        return Array(made.prefix(count))
    }
}
