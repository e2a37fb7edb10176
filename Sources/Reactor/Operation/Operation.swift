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
    public var buffer: BufferIndex?
    public var argument: UInt64
    /// Bytes asked for; 0 where a count has no meaning. A simulated fault may complete fewer.
    public var length: UInt32

    /// The buffer of an operation that has one.
    @inlinable
    public var requiredBuffer: BufferIndex {
        @inline(__always) get {
            guard let buffer else { preconditionFailure("an operation on a buffer names it") }
            return buffer
        }
    }
}

/// Who asked for an operation, and what they want to find again at its completion.
public struct OperationContext: BitwiseCopyable {
    public var kind: UInt8
    public var owner: UInt32
    public var buffer: BufferIndex?
    public var argument: UInt64

    @inlinable
    public init(kind: UInt8, owner: UInt32, buffer: BufferIndex? = nil, argument: UInt64 = 0) {
        self.kind = kind
        self.owner = owner
        self.buffer = buffer
        self.argument = argument
    }
}

/// What travels through the kernel as `user_data`: kind 8 bits | generation 24 | slot 32.
///
/// Not a reference: nothing is retained while the kernel holds it, a completion that outlived its
/// operation is recognised by its generation, and a trace of tokens is the same on every run. After
/// SwiftNIO's registration id (`LinuxUring.swift`). A token of 0 means that nobody listens.
public struct OperationToken: Hashable, Sendable, BitwiseCopyable {
    public let bits: UInt64

    @inlinable
    public init(bits: UInt64) { self.bits = bits }

    @inlinable
    public init(kind: UInt8, generation: UInt32, slot: UInt32) {
        bits = UInt64(kind) << 56 | UInt64(generation & 0xff_ffff) << 32 | UInt64(slot)
    }

    @inlinable
    public static var nobody: Self { Self(bits: 0) }

    @inlinable
    public var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 56) }
    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0xff_ffff }
    @inlinable
    public var slot: UInt32 { UInt32(truncatingIfNeeded: bits) }
}
