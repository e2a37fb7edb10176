/// What a datanode checks instead of asking anybody: who may do what with which block, signed by
/// the namenode.
///
/// 128 bytes, little-endian:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 1 | modes: 1 read, 2 write, 4 repair |
/// | 2 | 2 | zero |
/// | 4 | 4 | issued: milliseconds after the signing key was made |
/// | 8 | 8 | key id (the nonce) |
/// | 16 | 16 | cluster |
/// | 32 | 8 | block |
/// | 40 | 8 | epoch |
/// | 48 | 16 | lease; in a read token 16 random bytes |
/// | 64 | 16 | chain hash |
/// | 80 | 8 | max length of the block |
/// | 88 | 4 | duration in milliseconds from `issued` |
/// | 92 | 4 | incarnation of the namespace that made the block |
/// | 96 | 32 | HMAC-SHA256 of the bytes 0 to 95 |
///
/// Time is counted from the making of the key on each machine's own monotonic clock, so that no
/// wall clock that is set gives or takes a right.
public struct Token: Equatable, Sendable {
    public static let byteCount = 128
    public static let signedBytes = 96
    public static let version: UInt8 = 1

    public struct Modes: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let read = Modes(rawValue: 1)
        public static let write = Modes(rawValue: 2)
        public static let repair = Modes(rawValue: 4)
    }

    public var modes: Modes
    public var issued: UInt32
    public var key: KeyID
    public var cluster: ClusterID
    public var block: BlockID
    public var epoch: Epoch
    public var lease: LeaseID
    /// 16 bytes: `Chain.hash`.
    public var chainHash: [UInt8]
    public var maxLength: UInt64
    public var duration: UInt32
    /// Written into the block's file: a later copy of this number is another block.
    public var incarnation: NamespaceIncarnation

    public init(
        modes: Modes, issued: UInt32, key: KeyID, cluster: ClusterID, block: BlockID, epoch: Epoch,
        lease: LeaseID, chainHash: [UInt8], maxLength: UInt64, duration: UInt32,
        incarnation: NamespaceIncarnation = .unknown
    ) {
        precondition(chainHash.count == 16, "a chain hash has 16 bytes")
        self.modes = modes
        self.issued = issued
        self.key = key
        self.cluster = cluster
        self.block = block
        self.epoch = epoch
        self.lease = lease
        self.chainHash = chainHash
        self.maxLength = maxLength
        self.duration = duration
        self.incarnation = incarnation
    }
}

extension Token {
    /// The 128 bytes, signed with `key`, whose id must be the token's.
    public func signed(with key: SigningKey) -> [UInt8] {
        precondition(key.id == self.key, "a token is signed with the key it names")
        let body = unsigned()
        return body + key.signature(of: body)
    }

    func unsigned() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.signedBytes)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittle(Self.version, at: 0)
            base.storeLittle(modes.rawValue, at: 1)
            base.storeLittle(issued, at: 4)
            base.storeLittle(key.number, at: 8)
            base.storeLittle(cluster.high.byteSwapped, at: 16)
            base.storeLittle(cluster.low.byteSwapped, at: 24)
            base.storeLittle(block.number, at: 32)
            base.storeLittle(epoch.number, at: 40)
            base.storeLittle(lease.high.byteSwapped, at: 48)
            base.storeLittle(lease.low.byteSwapped, at: 56)
            for index in 0..<16 { base.storeLittle(chainHash[index], at: 64 + index) }
            base.storeLittle(maxLength, at: 80)
            base.storeLittle(duration, at: 88)
            base.storeLittle(incarnation.number, at: 92)
        }
        return bytes
    }

    /// Reads the signed part of 128 bytes; `nil` when the count, the version or a reserved byte is
    /// off. Says nothing of the signature.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[0] == Self.version,
            bytes[1] != 0, bytes[1] < 8, bytes[2...3].allSatisfy({ $0 == 0 }),
            let cluster = ClusterID(bytes: bytes[16..<32]),
            let lease = LeaseID(bytes: bytes[48..<64])
        else { return nil }
        let numbers = bytes.withUnsafeBytes {
            buffer -> (UInt32, UInt64, UInt64, UInt64, UInt64, UInt32, UInt32) in
            let base = buffer.baseAddress.unsafelyUnwrapped
            return (
                base.loadLittle(UInt32.self, at: 4), base.loadLittle(UInt64.self, at: 8),
                base.loadLittle(UInt64.self, at: 32), base.loadLittle(UInt64.self, at: 40),
                base.loadLittle(UInt64.self, at: 80), base.loadLittle(UInt32.self, at: 88),
                base.loadLittle(UInt32.self, at: 92)
            )
        }
        self.init(
            modes: Modes(rawValue: bytes[1]), issued: numbers.0, key: KeyID(numbers.1),
            cluster: cluster, block: BlockID(numbers.2), epoch: Epoch(numbers.3), lease: lease,
            chainHash: Array(bytes[64..<80]), maxLength: numbers.4, duration: numbers.5,
            incarnation: NamespaceIncarnation(numbers.6))
    }
}
