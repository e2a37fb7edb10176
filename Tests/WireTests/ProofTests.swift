import Testing
import Wire

/// Proofs, their place in headers, and sealed keys. The golden bytes were made by another
/// implementation.
struct ProofTests {
    private static let challenge = Challenge(
        first: 0xa7a6_a5a4_a3a2_a1a0, second: 0xafae_adac_abaa_a9a8)
    private let key = Sample.key.streamKey(of: Sample.tokenBytes)

    private func opening(_ operation: FrameOperation) -> FrameHeader {
        var header = FrameHeader(operation)
        header.stream = 7
        header.block = BlockID(42)
        header.epoch = Epoch(7)
        header.payloadLength = 170
        header.checksum = 0xe306_9283
        header.challenge = Self.challenge
        header.place = 1
        if operation == .write {
            header.flags = .more
        } else {
            header.offset = 65_536
            header.length = 9
        }
        return header
    }

    @Test func anOpeningHasTheGoldenBytes() throws {
        let golden = bytes(
            hex: """
                43544e410201010007000000000000002a000000000000000700000000000000
                0000000000000000aa00000000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf
                0100000000000000000000000000000000000000000000000000000000000000
                000000000000000000000000000000000000000000000000839206e3d8879c56
                """)
        #expect(encoded(opening(.write)) == golden)
        #expect(try decoded(golden) == opening(.write))
        let read = bytes(
            hex: """
                43544e410206000007000000000000002a000000000000000700000000000000
                0000010000000000aa00000000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf
                0100000000000000000000000000000000000000000000000000000000000000
                000000000000000000000000000000000900000000000000839206e366b53723
                """)
        #expect(encoded(opening(.read)) == read)
        #expect(try decoded(read) == opening(.read))
    }

    @Test func theKeyAndItsProofsAreGolden() throws {
        #expect(
            key.bytes
                == bytes(hex: "425ad2ab26b05afa6b44d5743989d8513f5a888d03c9910a4563f2ab47949c66"))
        #expect(
            try proof(in: "56dbcb412f91e935d02d4a7fa1c4853391baf813f80dfb55ddf90afefee56594")
                == key.proof(of: opening(.write)))
        #expect(
            try proof(in: "6292735d91236a434dedbc54da41b6d276649d4ebf0197dcb191fec8462573c0")
                == key.proof(of: opening(.read)))
    }

    /// The 32 bytes as an ack carries them.
    private func proof(in hex: String) throws -> StreamProof {
        var raw = encoded(FrameHeader(.ack))
        raw.replaceSubrange(80..<112, with: bytes(hex: hex))
        raw.replaceSubrange(
            124..<128, with: withUnsafeBytes(of: CRC32C.of(Array(raw[..<124]))) { Array($0) })
        return try decoded(raw).proof
    }

    @Test func aProofHasItsPlaceInEveryFirstAnswer() throws {
        let proof = try proof(
            in: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
        var ack = FrameHeader(.ack)
        ack.stream = 7
        ack.sequence = 2
        ack.block = BlockID(42)
        ack.epoch = Epoch(7)
        ack.progress.received = 9
        ack.proof = proof
        #expect(
            encoded(ack)
                == bytes(
                    hex: """
                        43544e410204000007000000020000002a000000000000000700000000000000
                        0000000000000000000000000000000009000000000000000000000000000000
                        00000000000000000000000000000000c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
                        d0d1d2d3d4d5d6d7d8d9dadbdcdddedf0000000000000000000000000071c175
                        """))
        var data = FrameHeader(.data)
        data.stream = 7
        data.block = BlockID(42)
        data.epoch = Epoch(7)
        data.payloadLength = 9
        data.pieceCount = 1
        data.pieces[0] = 0xe306_9283
        data.proof = proof
        #expect(
            encoded(data)
                == bytes(
                    hex: """
                        43544e410202000007000000000000002a000000000000000700000000000000
                        00000000000000000900000000000100839206e3000000000000000000000000
                        00000000000000000000000000000000c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
                        d0d1d2d3d4d5d6d7d8d9dadbdcdddedf000000000000000000000000d7a89ce7
                        """))
        for operation in [FrameOperation.ack, .sealed, .error, .data] {
            var header = operation == .data ? data : FrameHeader(operation)
            header.proof = proof
            #expect(try decoded(encoded(header)).proof == proof, "\(operation)")
        }
    }

    @Test func onlyTheNodeThatWasAskedProves() {
        let asked = opening(.write)
        let proof = key.proof(of: asked)
        var others = [opening(.read)]
        for change: (inout FrameHeader) -> Void in [
            { $0.challenge.first ^= 1 }, { $0.challenge.second ^= 1 }, { $0.place = 0 },
            { $0.block = BlockID(43) }, { $0.epoch = Epoch(8) },
        ] {
            others.append(asked)
            change(&others[others.count - 1])
        }
        for (index, other) in others.enumerated() {
            #expect(key.proof(of: other) != proof, "case \(index)")
        }
        var token = Sample.tokenBytes
        token[80] ^= 1
        #expect(Sample.key.streamKey(of: token).proof(of: asked) != proof)
    }

    @Test func nothingIsBelievedBeforeTheProof() {
        let asked = opening(.write)
        var check = ProofCheck(of: asked, key: key)
        func isBelieved(_ proof: StreamProof) -> Bool {
            var answer = FrameHeader(.ack)
            answer.proof = proof
            return check.believes(answer)
        }
        #expect(!isBelieved(StreamProof()))
        #expect(!isBelieved(key.proof(of: opening(.read))))
        #expect(!check.isGiven)
        #expect(isBelieved(key.proof(of: asked)))
        // Once is enough.
        #expect(isBelieved(StreamProof()))
    }

    /// What stands there are checksums.
    @Test func aFrameFullOfPiecesProvesNothing() {
        let asked = opening(.read)
        var answer = FrameHeader(.data)
        answer.proof = key.proof(of: asked)
        var check = ProofCheck(of: asked, key: key)
        answer.pieceCount = 9
        let isBelievedWithNine = check.believes(answer)
        answer.pieceCount = 8
        let isBelievedWithEight = check.believes(answer)
        #expect(!isBelievedWithNine && isBelievedWithEight)
    }

    @Test func whoProvesNothingSpeaksForItselfAlone() {
        for status in Status.allCases {
            switch status.family {
            case .success, .frame, .node: #expect(status.withoutProof == status)
            case .token, .stream, .chain: #expect(status.withoutProof == .unproven)
            }
        }
    }

    @Test func anAnswerIsProvenToOneNodeForOneMessage() {
        let secret = [UInt8](0x40..<0x60)
        let own = Self.challenge.bytes
        let other = Array(own.reversed())
        let proof = AnswerProof(
            secret: secret, node: Sample.head, namenode: own, datanode: other)
        let refusal = bytes(hex: "08ac0210061a0e726567697374657220616761696e")
        let answer = proof.proving(refusal)
        #expect(
            answer
                == refusal
                + bytes(
                    hex: """
                        f20620249ee1f8763405da5aa4d9e59aba3bd9a19bf32e7570a38e85cdce54d4
                        6782fa
                        """))
        #expect(proof.isProven(answer))
        #expect(proof.isProven(proof.proving([])))
        let strangers = [
            AnswerProof(secret: other + other, node: Sample.head, namenode: own, datanode: other),
            AnswerProof(secret: secret, node: Sample.tail, namenode: own, datanode: other),
            AnswerProof(secret: secret, node: Sample.head, namenode: other, datanode: other),
            AnswerProof(secret: secret, node: Sample.head, namenode: own, datanode: own),
        ]
        for (index, stranger) in strangers.enumerated() {
            #expect(!stranger.isProven(answer), "case \(index)")
        }
        for bit in 0..<answer.count * 8 {
            var bad = answer
            bad[bit / 8] ^= 1 << (bit % 8)
            #expect(!proof.isProven(bad), "bit \(bit)")
        }
        for bad in [[], refusal, Array(answer.dropLast()), answer + [0], Array(answer.dropFirst())]
        {
            #expect(!proof.isProven(bad))
        }
    }

    @Test func aKeyIsSealedForOneNodeAndOneMessage() {
        let secret = [UInt8](0x40..<0x60)
        let own = Self.challenge.bytes
        let other = Array(own.reversed())
        let seal = KeySeal(secret: secret, node: Sample.head, namenode: own, datanode: other)
        let sealed = seal.close(Sample.secret, id: Sample.keyID)
        #expect(
            sealed
                == bytes(
                    hex: """
                        9200f5c7f9c18658cfb803ad381a2f36ee84704327bb791bd4f35d0a936dc0cc
                        b2a70163ecd8d74742ea2e3eaa4a6501
                        """))
        #expect(seal.open(sealed, id: Sample.keyID) == Sample.secret)
        #expect(seal.open(sealed, id: KeyID(1)) == nil)
        #expect(seal.open(Array(sealed.dropLast()), id: Sample.keyID) == nil)
        let strangers = [
            KeySeal(secret: other + other, node: Sample.head, namenode: own, datanode: other),
            KeySeal(secret: secret, node: Sample.tail, namenode: own, datanode: other),
            KeySeal(secret: secret, node: Sample.head, namenode: other, datanode: other),
            KeySeal(secret: secret, node: Sample.head, namenode: own, datanode: own),
        ]
        for (index, stranger) in strangers.enumerated() {
            #expect(stranger.open(sealed, id: Sample.keyID) == nil, "case \(index)")
        }
        for bit in 0..<sealed.count * 8 {
            var bad = sealed
            bad[bit / 8] ^= 1 << (bit % 8)
            #expect(seal.open(bad, id: Sample.keyID) == nil, "bit \(bit)")
        }
    }

    @Test func anErrorIsReadByWhoSpeaksAnotherVersion() throws {
        var header = FrameHeader(.error)
        header.status = .badVersion
        var raw = encoded(header)
        raw.withUnsafeMutableBytes {
            FrameHeader.setVersion(1, of: $0.baseAddress.unsafelyUnwrapped)
        }
        #expect(raw[4] == 1)
        #expect(try decoded(raw) == header)
        var other = encoded(FrameHeader(.ack))
        other.withUnsafeMutableBytes {
            FrameHeader.setVersion(1, of: $0.baseAddress.unsafelyUnwrapped)
        }
        #expect(refusal(other) == .badVersion)
    }
}
