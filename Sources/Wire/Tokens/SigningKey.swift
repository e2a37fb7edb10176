/// A key of the namenode, named by the nonce that heartbeats refresh.
///
/// `made` is the holder's own monotonic time at which the key was made: a datanode computes it from
/// the age that came with the key, so no two clocks are ever compared.
public struct SigningKey: Sendable, Equatable {
    public let id: KeyID
    public let secret: [UInt8]
    /// Milliseconds on this machine's monotonic clock; negative when the key is older than that
    /// clock.
    public let made: Int64
    /// The secret, made ready once.
    private let key: HMACKey

    public static let secretBytes = 32

    /// `nil` when the secret is not 32 bytes.
    public init?(id: KeyID, secret: [UInt8], made: Int64) {
        guard secret.count == Self.secretBytes else { return nil }
        self.id = id
        self.secret = secret
        self.made = made
        key = HMACKey(secret)
    }

    func signature(of bytes: [UInt8]) -> [UInt8] { key.code(of: bytes) }

    /// Compares in constant time.
    func signed(_ bytes: some Collection<UInt8>, as signature: some Collection<UInt8>) -> Bool {
        key.isCode(signature, of: bytes)
    }
}

/// The keys a node accepts: {previous, current, next}. Dropping one revokes what it signed.
public struct KeyRing: Sendable, Equatable {
    public static let most = 3

    public private(set) var keys: [SigningKey]
    public let current: KeyID

    /// Keeps the first three keys.
    public init(_ keys: [SigningKey], current: KeyID) {
        self.keys = Array(keys.prefix(Self.most))
        self.current = current
    }

    public subscript(id: KeyID) -> SigningKey? { keys.first { $0.id == id } }
}
