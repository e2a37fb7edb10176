import CCrypto

/// ChaCha20-Poly1305 (RFC 8439), by libcrypto: bytes that nobody reads or changes without the key.
/// For few and short messages; each takes a context.
enum ChaChaPoly {
    static let keyBytes = 32
    static let nonceBytes = 12
    static let tagBytes = 16

    /// - Returns: as many bytes as there are, and the tag.
    static func seal(
        _ bytes: [UInt8], key: [UInt8], nonce: [UInt8], beside: [UInt8] = []
    ) -> [UInt8] {
        let context = Context(key, nonce, seals: true)
        guard context.take(beside), var sealed = context.pass(bytes), context.finish(),
            let tag = context.tag()
        else { preconditionFailure("libcrypto seals: out of memory") }
        sealed += tag
        return sealed
    }

    /// `nil`: it was sealed with another key, nonce or company, or was changed.
    static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], beside: [UInt8] = []
    ) -> [UInt8]? {
        guard sealed.count >= tagBytes else { return nil }
        let context = Context(key, nonce, seals: false)
        guard context.take(beside), let bytes = context.pass(Array(sealed.dropLast(tagBytes))),
            context.expect(Array(sealed.suffix(tagBytes))), context.finish()
        else { return nil }
        return bytes
    }

    private struct Context: ~Copyable {
        private let context: OpaquePointer

        init(_ key: [UInt8], _ nonce: [UInt8], seals: Bool) {
            precondition(
                key.count == keyBytes && nonce.count == nonceBytes, "a key and a nonce that fit")
            guard let made = EVP_CIPHER_CTX_new(),
                EVP_CipherInit_ex2(
                    made, EVP_chacha20_poly1305(), key, nonce, seals ? 1 : 0, nil) == 1
            else { preconditionFailure("libcrypto has ChaCha20-Poly1305: out of memory") }
            context = made
        }

        deinit { EVP_CIPHER_CTX_free(context) }

        /// Bytes that are covered and not sealed.
        func take(_ beside: [UInt8]) -> Bool {
            var count: Int32 = 0
            return beside.isEmpty
                || EVP_CipherUpdate(context, nil, &count, beside, Int32(beside.count)) == 1
        }

        func pass(_ bytes: [UInt8]) -> [UInt8]? {
            var result = [UInt8](repeating: 0, count: bytes.count)
            var count: Int32 = 0
            guard EVP_CipherUpdate(context, &result, &count, bytes, Int32(bytes.count)) == 1 else {
                return nil
            }
            return result
        }

        /// A stream cipher has nothing left to give; of what is opened, the tag is compared.
        func finish() -> Bool {
            var none: UInt8 = 0
            var count: Int32 = 0
            return EVP_CipherFinal_ex(context, &none, &count) == 1
        }

        func tag() -> [UInt8]? {
            var tag = [UInt8](repeating: 0, count: tagBytes)
            let isThere = EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag)
            return isThere == 1 ? tag : nil
        }

        func expect(_ tag: [UInt8]) -> Bool {
            var tag = tag
            return EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1
        }
    }
}
