import Testing

@testable import Wire

/// Published vectors: FIPS 180-4's examples, RFC 4231, RFC 5869, RFC 8439.
@Suite struct CryptoTests {
    @Test(arguments: [
        ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func sha256(text: String, times: Int, digest: String) {
        let message = Array(repeating: Array(text.utf8), count: times).flatMap { $0 }
        #expect(SHA256.hash(message) == bytes(hex: digest))
    }

    /// Key, message, code: the cases of RFC 4231 with whole codes.
    private static let codes: [([UInt8], [UInt8], String)] = [
        (
            Array(repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            Array(repeating: 0xaa, count: 20), Array(repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            Array(1...25), Array(repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            Array(repeating: 0xaa, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            Array(repeating: 0xaa, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size "
                    + "data. The key needs to be hashed before being used by the HMAC algorithm.")
                    .utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test(arguments: codes.indices) func hmac(index: Int) {
        let (secret, message, hex) = Self.codes[index]
        let key = HMACKey(secret)
        let code = bytes(hex: hex)
        // A key that was used is as good as new.
        for _ in 0..<2 {
            #expect(key.code(of: message) == code)
            #expect(key.isCode(code, of: message))
            #expect(key.isCode(AnyCollection(code), of: message))
        }
        #expect(!key.isCode(code.dropLast(), of: message))
        #expect(!key.isCode([], of: message))
        for place in code.indices {
            var other = code
            other[place] ^= 1
            #expect(!key.isCode(other, of: message))
        }
        #expect(key == HMACKey(secret))
        #expect(key != HMACKey(secret + [1]))
    }

    @Test func hkdf() {
        #expect(
            HMACKey.derive(
                from: Array(repeating: 0x0b, count: 22), salt: Array(0...12),
                info: Array(0xf0...0xf9), count: 42)
                == bytes(
                    hex:
                        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                        + "34007208d5b887185865"))
        #expect(
            HMACKey.derive(
                from: Array(0x00...0x4f), salt: Array(0x60...0xaf), info: Array(0xb0...0xff),
                count: 82)
                == bytes(
                    hex:
                        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                        + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                        + "cc30c58179ec3e87c14c01d5c1f3434f1d87"))
        #expect(
            HMACKey.derive(
                from: Array(repeating: 0x0b, count: 22), salt: [], info: [], count: 42)
                == bytes(
                    hex:
                        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                        + "9d201395faa4b61a96c8"))
    }

    @Test func chaChaPoly() throws {
        let key = [UInt8](0x80...0x9f)
        let nonce = bytes(hex: "070000004041424344454647")
        let beside = bytes(hex: "50515253c0c1c2c3c4c5c6c7")
        let text = Array(
            ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                + "future, sunscreen would be it.").utf8)
        let sealed = ChaChaPoly.seal(text, key: key, nonce: nonce, beside: beside)
        #expect(
            sealed
                == bytes(
                    hex:
                        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                        + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                        + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                        + "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
                        + "0691"))
        #expect(ChaChaPoly.open(sealed, key: key, nonce: nonce, beside: beside) == text)
        for place in sealed.indices {
            var other = sealed
            other[place] ^= 1
            #expect(ChaChaPoly.open(other, key: key, nonce: nonce, beside: beside) == nil)
        }
        #expect(ChaChaPoly.open(sealed, key: key, nonce: nonce) == nil)
        #expect(ChaChaPoly.open(Array(sealed.prefix(15)), key: key, nonce: nonce) == nil)
        #expect(
            ChaChaPoly.open(ChaChaPoly.seal([], key: key, nonce: nonce), key: key, nonce: nonce)
                == [])
    }
}

@Suite struct BufferedRandomTests {
    @Test("no number comes twice, within a buffer or from one to the next")
    func distinct() {
        var random = BufferedRandom()
        #expect(Set((0..<1_000).map { _ in random.next() }).count == 1_000)
        var other = BufferedRandom()
        #expect(other.next() != random.next())
    }
}
