/// Sizes and times of a simulated world. Times are nanoseconds of virtual time.
public struct SimulationSettings: Sendable {
    /// One way between two nodes, and between two rings of one node.
    public var linkLatency: UInt64 = 20_000
    /// An operation of a file that may touch the device.
    public var deviceLatency: UInt64 = 60_000
    /// A sync that has something to do.
    public var syncLatency: UInt64 = 200_000
    /// Bytes one direction of a connection holds: under way and received, not yet read.
    public var socketBytes = 256 << 10
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
