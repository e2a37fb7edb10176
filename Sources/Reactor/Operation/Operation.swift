/// What the reactor keeps of one operation while the ring holds it. The meaning of `kind`, `owner`,
/// `buffer` and
/// `argument` is its submitter's; the reactor only carries them to the completion.
public struct Operation: BitwiseCopyable {
    @usableFromInline
    var generation: UInt32
    @usableFromInline
    var nextFree: Int32
    @usableFromInline
    var isActive: Bool
    public var kind: UInt8
    public var owner: UInt32
    public var buffer: Int32
    public var argument: UInt64
    /// Bytes asked for; 0 where a count has no meaning. A simulated fault may complete fewer.
    public var length: UInt32
}

/// Who asked for an operation, and what they want to find again at its completion.
public struct OperationContext: BitwiseCopyable {
    public var kind: UInt8
    public var owner: UInt32
    public var buffer: Int32
    public var argument: UInt64

    @inlinable
    public init(kind: UInt8, owner: UInt32, buffer: Int32 = -1, argument: UInt64 = 0) {
        self.kind = kind
        self.owner = owner
        self.buffer = buffer
        self.argument = argument
    }
}
