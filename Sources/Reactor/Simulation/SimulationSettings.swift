/// Sizes and times of a simulated world. Times are nanoseconds of virtual time.
public struct SimulationSettings: Sendable {
    /// One way between two nodes, and between two rings of one node.
    public var linkLatency: UInt64 = 20_000
    /// An operation of a file that may touch the device.
    public var deviceLatency: UInt64 = 60_000
    /// A sync that has something to do.
    public var syncLatency: UInt64 = 200_000
    /// Bytes one direction of a connection holds: sent, under way, and received but not yet read.
    public var socketBytes = 256 << 10
    /// Of these, what the receiving side holds. Bytes beyond it are not acknowledged, so a
    /// zero-copy send's notification waits until the other side reads.
    public var windowBytes = 128 << 10
    /// Traps when two receives, or two sends, are in flight on one socket. A kernel finishes them
    /// in any order and may mix their bytes (the ring of Linux 6.18 does), so a room never has two.
    public var trapsOverlap = true
    /// How long sent bytes or a connect stay unanswered before the connection is gone (ETIMEDOUT).
    public var userTimeout: UInt64 = 30_000_000_000
    /// Between two attempts of a connect that got no answer.
    public var connectRetry: UInt64 = 1_000_000_000
    /// Bytes of a disk for which nothing else was set.
    public var diskBytes = 1 << 30
    /// What O_DIRECT wants offsets, counts and addresses to be multiples of.
    public var directAlignment = 4096
    /// Plain descriptors one node may have open.
    public var plainDescriptors = 65536

    public init() {}
}
