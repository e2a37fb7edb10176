import Reactor
import Wire

/// How one datanode behaves; every bound is in `Budget`.
public struct DatanodeSettings: Sendable {
    public var budget = Budget()
    /// A frame that has begun, an answer, a connect must be complete within this, nanoseconds.
    public var progressTimeout: UInt64 = 10_000_000_000
    /// A connection without a stream may be silent for this, nanoseconds.
    public var idleTimeout: UInt64 = 60_000_000_000
    /// A connection with an open write stream may be silent for this, nanoseconds.
    public var streamIdleTimeout: UInt64 = 300_000_000_000
    /// How long a failed connection is read from, so that its peer gets to see the error,
    /// nanoseconds.
    public var lingerTimeout: UInt64 = 2_000_000_000

    /// Bytes of each device that files of deleted blocks may keep for new blocks.
    public var recycleBytes: UInt64 = 8 << 30
    /// Bytes of each device that are written at start, as files for new blocks.
    public var preallocateBytes: UInt64 = 0
    /// Length of the blocks that such files are for.
    public var preallocateBlock: UInt64 = 128 << 20

    /// Every sealed block is read and compared within this, nanoseconds; 0: only when asked for.
    public var scrubPeriod: UInt64 = 0
    /// The most of a device's time that goes to that, percent.
    public var scrubShare = 5

    /// Payload may go out by zero-copy sends, where the kernel reports that it does not copy.
    public var mayZeroCopy = true
    /// Of every data socket of the node.
    public var congestion = CongestionControl.windowed
    /// Buffers in huge pages where the system has them.
    public var usesHugePages = false
    /// Bench nodes only: frames' device writes complete at once and touch no device
    /// (`Request.answer`); nothing can be read back.
    public var isDeviceNull = false
    /// Numbers of deleted blocks are not taken again; bench nodes take them.
    public var remembersDeleted = true
    /// Bench nodes only: every chain ends at this node.
    public var isForwardNull = false

    /// What holds between two events is checked after each (`Datanode.checkInvariants`).
    #if DEBUG
        public var checksInvariants = true
    #else
        public var checksInvariants = false
    #endif

    public init() {}
}
