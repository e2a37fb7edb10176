/// What the head of a chain signs when a block is sealed: the client shows it at CLOSE, so the
/// namenode need neither believe the client nor wait for heartbeats.
///
/// 96 bytes, little-endian, the payload of `sealed`:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 1 | level: 0 received, 1 written, 2 durable |
/// | 2 | 1 | place of the signing node in the chain: 0, the head, is what CLOSE takes |
/// | 3 | 1 | zero |
/// | 4 | 4 | CRC32C of the block |
/// | 8 | 8 | key id (the nonce) |
/// | 16 | 16 | cluster |
/// | 32 | 8 | block |
/// | 40 | 8 | epoch |
/// | 48 | 8 | length |
/// | 56 | 8 | zero |
/// | 64 | 32 | HMAC-SHA256 of the bytes 0 to 63 |
public struct Receipt: Equatable, Sendable {
    public static let byteCount = 96
    public static let signedBytes = 64
    public static let version: UInt8 = 1

    public var level: Level
    /// The signer's place in the chain: it vouches for itself and the nodes behind it.
    public var position: UInt8
    public var checksum: UInt32
    public var key: KeyID
    public var cluster: ClusterID
    public var block: BlockID
    public var epoch: Epoch
    public var length: UInt64

    public init(
        level: Level, position: UInt8 = 0, checksum: UInt32, key: KeyID, cluster: ClusterID,
        block: BlockID, epoch: Epoch, length: UInt64
    ) {
        self.level = level
        self.position = position
        self.checksum = checksum
        self.key = key
        self.cluster = cluster
        self.block = block
        self.epoch = epoch
        self.length = length
    }

    /// The signature over this receipt.
    public func signature(with key: SigningKey) -> [UInt8] {
        precondition(key.id == self.key, "a receipt is signed with the key it names")
        return key.signature(of: unsigned())
    }

    /// The 96 bytes.
    public func signed(with key: SigningKey) -> [UInt8] { unsigned() + signature(with: key) }

    /// Whether `signature` is this receipt's, compared in constant time.
    public func isSigned(as signature: [UInt8], by key: SigningKey) -> Bool {
        key.id == self.key && key.signed(unsigned(), as: signature)
    }

    func unsigned() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.signedBytes)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittle(Self.version, at: 0)
            base.storeLittle(level.rawValue, at: 1)
            base.storeLittle(position, at: 2)
            base.storeLittle(checksum, at: 4)
            base.storeLittle(key.number, at: 8)
            base.storeLittle(block.number, at: 32)
            base.storeLittle(epoch.number, at: 40)
            base.storeLittle(length, at: 48)
        }
        bytes.replaceSubrange(16..<32, with: cluster.bytes)
        return bytes
    }

    /// Reads 96 bytes into a receipt and its signature; `nil` when the count, version or level is
    /// off.
    public static func decode(_ bytes: [UInt8]) -> (receipt: Receipt, signature: [UInt8])? {
        guard bytes.count == byteCount, bytes[0] == version, let level = Level(rawValue: bytes[1]),
            let cluster = ClusterID(bytes: bytes[16..<32])
        else { return nil }
        return bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress.unsafelyUnwrapped
            let receipt = Receipt(
                level: level, position: bytes[2], checksum: base.loadLittle(UInt32.self, at: 4),
                key: KeyID(base.loadLittle(UInt64.self, at: 8)), cluster: cluster,
                block: BlockID(base.loadLittle(UInt64.self, at: 32)),
                epoch: Epoch(base.loadLittle(UInt64.self, at: 40)),
                length: base.loadLittle(UInt64.self, at: 48))
            return (receipt, Array(bytes.suffix(32)))
        }
    }
}
