import Testing
import Wire

/// Every refusal, and the order of the checks: what is named is the first thing wrong.
struct TokenCheckTests {
    /// The token's last moment: made 10,000, issued 1,000 later, for 60,000, and the grace.
    private static let end: Int64 = 10_000 + 1_000 + 60_000 + TokenCheck.graceMilliseconds

    private func judge(
        _ credentials: Credentials, keys: [SigningKey] = [Sample.key],
        cluster: ClusterID = Sample.cluster, node: NodeID = Sample.tail,
        mode: Token.Modes = .write, block: BlockID = BlockID(42), epoch: Epoch = Epoch(7),
        place: UInt32 = 1, now: Int64 = 11_000
    ) -> Status {
        let check = TokenCheck(
            cluster: cluster, node: node, keys: KeyRing(keys, current: Sample.keyID), now: now)
        var opening = FrameHeader(.write)
        opening.block = block
        opening.epoch = epoch
        opening.place = place
        switch check.admit(credentials, mode: mode, opening: opening) {
        case .success: return .ok
        case .failure(let refused): return refused.status
        }
    }

    private let good = Credentials(token: Sample.tokenBytes, chain: Sample.chain)

    private func signed(_ change: (inout Token) -> Void) -> Credentials {
        var token = Sample.token
        change(&token)
        return Credentials(token: token.signed(with: Sample.key), chain: Sample.chain)
    }

    @Test func aGoodTokenIsAdmittedWithItsPlace() throws {
        let check = TokenCheck(
            cluster: Sample.cluster, node: Sample.tail,
            keys: KeyRing([Sample.key], current: Sample.keyID), now: 11_000)
        var opening = FrameHeader(.write)
        opening.block = BlockID(42)
        opening.epoch = Epoch(7)
        opening.place = 1
        let admitted = try check.admit(good, mode: .write, opening: opening).get()
        #expect(admitted.position == 1)
        #expect(admitted.token == Sample.token)
        #expect(admitted.chain == Sample.chain)
        #expect(admitted.key == Sample.key.streamKey(of: Sample.tokenBytes))
    }

    @Test func eachFaultHasItsOwnCode() throws {
        let short = Credentials(token: Array(Sample.tokenBytes.dropLast()), chain: Sample.chain)
        #expect(judge(short) == .tokenMalformed)
        #expect(judge(good, keys: []) == .tokenUnknownKey)
        #expect(judge(good, cluster: .none) == .tokenWrongCluster)
        #expect(judge(good, node: .none) == .tokenWrongNode)
        // Of the chain, but not the one that is spoken to.
        #expect(judge(good, node: Sample.head) == .tokenWrongNode)
        #expect(judge(good, place: 0) == .tokenWrongNode)
        #expect(judge(good, place: 2) == .tokenWrongNode)
        #expect(judge(good, node: Sample.head, place: 0) == .ok)
        #expect(judge(good, mode: .read) == .tokenWrongMode)
        #expect(judge(good, mode: [.read, .write]) == .tokenWrongMode)
        #expect(judge(good, block: BlockID(43)) == .tokenWrongBlock)
        #expect(judge(good, epoch: Epoch(8)) == .tokenStaleEpoch)
        #expect(judge(good, epoch: Epoch(6)) == .tokenStaleEpoch)
        let moved = try #require(
            Chain(
                Sample.chain.nodes.map {
                    ChainNode(node: $0.node, host: $0.host, port: $0.port - 1)
                }))
        #expect(judge(Credentials(token: Sample.tokenBytes, chain: moved)) == .tokenWrongChain)
    }

    @Test func everySignedByteIsCovered() {
        for place in 0..<Token.byteCount {
            var bytes = Sample.tokenBytes
            bytes[place] ^= 0x01
            let status = judge(Credentials(token: bytes, chain: Sample.chain))
            switch place {
            case 0, 2...3: #expect(status == .tokenMalformed, "byte \(place)")
            case 8..<16: #expect(status == .tokenUnknownKey, "byte \(place)")
            default: #expect(status == .tokenForged, "byte \(place)")
            }
        }
    }

    @Test func aKeyWithAnotherSecretForges() throws {
        let other = try #require(
            SigningKey(id: Sample.keyID, secret: Sample.secret.reversed(), made: 10_000))
        #expect(judge(good, keys: [other]) == .tokenForged)
    }

    @Test func aTokenEndsAfterItsDurationAndTheGrace() {
        #expect(judge(good, now: Self.end) == .ok)
        #expect(judge(good, now: Self.end + 1) == .tokenExpired)
        #expect(judge(good, now: .max) == .tokenExpired)
    }

    @Test func droppingAKeyRevokesWhatItSigned() throws {
        let next = try #require(SigningKey(id: KeyID(9), secret: Sample.secret, made: 10_000))
        #expect(judge(good, keys: [Sample.key, next]) == .ok)
        #expect(judge(good, keys: [next]) == .tokenUnknownKey)
    }

    @Test func aKeyRingKeepsThreeKeys() throws {
        let keys = try (1...5).map {
            try #require(SigningKey(id: KeyID(UInt64($0)), secret: Sample.secret, made: 0))
        }
        let ring = KeyRing(keys, current: KeyID(2))
        #expect(ring.keys.map(\.id.number) == [1, 2, 3])
        #expect(ring[KeyID(4)] == nil)
        #expect(SigningKey(id: KeyID(1), secret: [1], made: 0) == nil)
    }

    /// Faults are added from the last check to the first; each new one takes over the answer.
    @Test func theOrderIsFixed() throws {
        #expect(judge(good, now: .max) == .tokenExpired)
        #expect(judge(good, epoch: Epoch(8), now: .max) == .tokenStaleEpoch)
        #expect(judge(good, block: BlockID(1), epoch: Epoch(8), now: .max) == .tokenWrongBlock)
        #expect(
            judge(good, mode: .read, block: BlockID(1), epoch: Epoch(8), now: .max)
                == .tokenWrongMode)
        #expect(
            judge(good, node: .none, mode: .read, block: BlockID(1), now: .max) == .tokenWrongNode)
        let stranger = signed { $0.chainHash = [UInt8](repeating: 0, count: 16) }
        #expect(judge(stranger, node: .none, mode: .read, now: .max) == .tokenWrongChain)
        #expect(judge(stranger, cluster: .none, node: .none, now: .max) == .tokenWrongCluster)
        var forged = stranger.token
        forged[127] ^= 1
        let forgery = Credentials(token: forged, chain: Sample.chain)
        #expect(judge(forgery, cluster: .none, now: .max) == .tokenForged)
        #expect(judge(forgery, keys: [], cluster: .none, now: .max) == .tokenUnknownKey)
        forged[0] = 9
        let malformed = Credentials(token: forged, chain: Sample.chain)
        #expect(judge(malformed, keys: [], cluster: .none, now: .max) == .tokenMalformed)
    }

    @Test func modesAreASet() {
        let both = signed { $0.modes = [.read, .write, .repair] }
        for mode in [Token.Modes.read, .write, .repair, [.read, .repair]] {
            #expect(judge(both, mode: mode) == .ok)
        }
    }
}
