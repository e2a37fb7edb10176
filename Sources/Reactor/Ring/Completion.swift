/// One completion as the ring gives it. Laid out like `curing_completion`, into which it is copied.
public struct Completion: BitwiseCopyable {
    public var token: OperationToken
    /// A count, a descriptor or 0; or a negated errno.
    public var result: Int32
    public var flags: UInt32

    // The kernel's numbers (io_uring_enter.2), repeated here because inlinable code cannot name a C
    // module's.
    @usableFromInline
    static var moreFlag: UInt32 { 1 << 1 }
    @usableFromInline
    static var notificationFlag: UInt32 { 1 << 3 }
    @usableFromInline
    static var copiedFlag: UInt32 { 1 << 31 }

    @inlinable
    public init(token: OperationToken, result: Int32, flags: UInt32 = 0) {
        self.token = token
        self.result = result
        self.flags = flags
    }

    /// Another completion of the same operation follows (a zero-copy send's notification).
    @inlinable
    public var hasMore: Bool { flags & Self.moreFlag != 0 }
    /// The kernel has let go of a zero-copy send's memory.
    @inlinable
    public var isNotification: Bool { flags & Self.notificationFlag != 0 }
    /// On a notification: the kernel copied the bytes after all, so zero copy does not pay on this
    /// path.
    @inlinable
    public var wasCopied: Bool {
        isNotification && UInt32(bitPattern: result) & Self.copiedFlag != 0
    }
}
