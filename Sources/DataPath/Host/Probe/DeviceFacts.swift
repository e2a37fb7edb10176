/// What a data directory's device is, and does.
public struct DeviceFacts: Sendable, Equatable {
    /// Direct I/O works, in pages of 4,096 bytes.
    public var isDirect = true
    public var freeBytes: UInt64 = 0
    /// The kernel's name of the block device, such as `nvme0n1`; `nil`: none (tmpfs, network).
    public var name: String?
    public var isNVMe = false
    public var isRotating = false
    public var numaNode: Int?
    /// Hardware queues, requests in each, and the longest request in KiB.
    public var queues = 0
    public var requests = 0
    public var longestRequestKiB = 0
    /// Queues that can be polled for completions.
    public var hasPollQueues = false
    /// It holds writes in memory until they are flushed, so that a flush costs something.
    public var isWriteBack = false
    /// 4 KiB write and fdatasync, microseconds.
    public var syncP50 = 0.0
    public var syncP99 = 0.0
    /// Sequential, 512 KiB at depth 8, bytes a second: into a new file, over what is there, and
    /// back.
    public var freshWrite = 0.0
    public var rewrite = 0.0
    public var read = 0.0

    public init() {}
}
