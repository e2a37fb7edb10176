import System
import Testing
import Wire

struct TokenTests {
    @Test func tokenHasTheGoldenBytes() {
        #expect(Sample.token.signed(with: Sample.key) == Sample.tokenBytes)
        #expect(Token(decoding: Sample.tokenBytes) == Sample.token)
    }

    @Test func receiptHasTheGoldenBytes() throws {
        #expect(Sample.receipt.signed(with: Sample.key) == Sample.receiptBytes)
        let read = try #require(Receipt.decode(Sample.receiptBytes))
        #expect(read.receipt == Sample.receipt)
        #expect(read.receipt.isSigned(as: read.signature, by: Sample.key))
    }

    @Test func chainHasTheGoldenBytes() {
        #expect(Sample.chain.encoded() == Sample.chainBytes)
        #expect(Chain(decoding: Sample.chainBytes) == Sample.chain)
        #expect(Sample.chain.hash == bytes(hex: "0c2b2791d92f7e29c219382c5eefbe13"))
    }

    @Test func credentialsAreTheTokenAndTheChain() {
        let credentials = Credentials(token: Sample.tokenBytes, chain: Sample.chain)
        #expect(credentials.encoded() == Sample.tokenBytes + Sample.chainBytes)
        #expect(Credentials(decoding: credentials.encoded()) == credentials)
        #expect(Credentials(decoding: Sample.tokenBytes) == nil)
        #expect(Credentials(decoding: []) == nil)
        #expect(Credentials(decoding: credentials.encoded().dropLast()) == nil)
        #expect(Credentials(decoding: credentials.encoded() + [0]) == nil)
    }

    @Test func tokensOfTheWrongShapeAreNone() {
        for count in [0, 1, 127, 129] {
            #expect(Token(decoding: [UInt8](repeating: 1, count: count)) == nil)
        }
        // Version, modes, and the two bytes that are zero.
        for (place, value): (Int, UInt8) in [
            (0, 0), (0, 2), (1, 0), (1, 8), (2, 1), (3, 1),
        ] {
            var wrong = Sample.tokenBytes
            wrong[place] = value
            #expect(Token(decoding: wrong) == nil, "byte \(place) = \(value)")
        }
    }

    @Test func anyChangedByteBreaksAReceipt() throws {
        for place in 0..<Receipt.byteCount {
            var wrong = Sample.receiptBytes
            wrong[place] ^= 0x01
            guard let read = Receipt.decode(wrong) else { continue }
            // A reserved byte is not kept: the receipt is the same one, and so is its signature.
            let isSame = read.receipt == Sample.receipt && place < Receipt.signedBytes
            #expect(
                read.receipt.isSigned(as: read.signature, by: Sample.key) == isSame,
                "byte \(place)")
            let mayBeReserved = (2...3).contains(place) || (56..<64).contains(place)
            #expect(!isSame || mayBeReserved, "byte \(place)")
        }
        #expect(Receipt.decode(Array(Sample.receiptBytes.dropLast())) == nil)
        var level = Sample.receiptBytes
        level[1] = 3
        #expect(Receipt.decode(level) == nil)
    }

    @Test func aReceiptIsNotSignedByAnotherKey() throws {
        let other = try #require(
            SigningKey(id: KeyID(1), secret: Sample.secret, made: 0))
        let signature = Sample.receipt.signature(with: Sample.key)
        #expect(!Sample.receipt.isSigned(as: signature, by: other))
        #expect(!Sample.receipt.isSigned(as: [], by: Sample.key))
    }

    @Test func roundTrips() throws {
        let seed: UInt64 = 0x70_6b_65_6e
        var generator = Seeded(seed)
        for round in 0..<500 {
            let token = Token(
                modes: Token.Modes(rawValue: UInt8.random(in: 1...7, using: &generator)),
                issued: UInt32(truncatingIfNeeded: generator.next()), key: Sample.keyID,
                cluster: ClusterID(using: &generator), block: BlockID(generator.next()),
                epoch: Epoch(generator.next()), lease: LeaseID(using: &generator),
                chainHash: generator.bytes(16), maxLength: generator.next(),
                duration: UInt32(truncatingIfNeeded: generator.next()),
                incarnation: NamespaceIncarnation(
                    UInt32(truncatingIfNeeded: generator.next())))
            #expect(
                Token(decoding: token.signed(with: Sample.key)) == token,
                "seed \(seed) round \(round)")
            let receipt = Receipt(
                level: Level.allCases.randomElement(using: &generator).unsafelyUnwrapped,
                checksum: UInt32(truncatingIfNeeded: generator.next()), key: Sample.keyID,
                cluster: ClusterID(using: &generator), block: BlockID(generator.next()),
                epoch: Epoch(generator.next()), length: generator.next())
            let read = try #require(Receipt.decode(receipt.signed(with: Sample.key)))
            #expect(read.receipt == receipt, "seed \(seed) round \(round)")
        }
    }
}
