import CURing

/// One completion as the ring gives it. Laid out like `curing_completion`, into which it is copied.
public struct Completion: BitwiseCopyable {
    public var token: OperationToken
    /// A count, a descriptor or 0; or a negated errno.
    public var result: Int32
    public var flags: UInt32

    @inlinable
    public init(token: OperationToken, result: Int32, flags: UInt32 = 0) {
        self.token = token
        self.result = result
        self.flags = flags
    }

    /// Another completion of the same operation follows (a zero-copy send's notification).
    @inlinable
    public var hasMore: Bool { flags & UInt32(IORING_CQE_F_MORE) != 0 }
    /// The kernel has let go of a zero-copy send's memory.
    @inlinable
    public var isNotification: Bool { flags & UInt32(IORING_CQE_F_NOTIF) != 0 }
    /// On a notification: the kernel copied the bytes after all, so zero copy does not pay on this path.
    @inlinable
    public var wasCopied: Bool {
        isNotification && UInt32(bitPattern: result) & CURING_NOTIF_USAGE_ZC_COPIED != 0
    }
}
