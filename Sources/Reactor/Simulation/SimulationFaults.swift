import Glibc

/// What may go wrong in a simulation, and how often. Every rate is a probability from 0 (never, the
/// default) to 1 (always); a world's faults may be changed while it runs.
public struct SimulationFaults: Sendable {
    /// An errno that operations of one class fail with.
    public struct Failure: Sendable {
        public var rate: Double
        /// One of these is drawn.
        public var errnos: [Int32]

        public init(rate: Double = 0, errnos: [Int32]) {
            self.rate = rate
            self.errnos = errnos
        }
    }

    /// A completion comes later by a draw from `delay`, nanoseconds of virtual time.
    public var delayRate = 0.0
    public var delay: ClosedRange<UInt64> = 10_000...5_000_000

    /// A completion changes places with others of the same instant. Completions of one direction of
    /// one socket keep their order.
    public var reorderRate = 0.0

    /// A receive gives fewer bytes than there are.
    public var shortReceiveRate = 0.0
    /// A receive or send that waits for all its bytes ends early, as after a signal.
    public var shortWaitAllRate = 0.0
    public var shortReadRate = 0.0
    public var shortWriteRate = 0.0

    /// EINTR, without effect, on every operation that may be made again.
    public var interruptRate = 0.0
    /// EAGAIN, without effect, on every operation that may be made again.
    public var againRate = 0.0

    /// Errors that say that a connection is gone (ECONNRESET, EPIPE, ETIMEDOUT) break it for good.
    public var accept = Failure(errnos: [ECONNABORTED, EMFILE, ENFILE, ENOBUFS])
    public var connect = Failure(errnos: [ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH])
    public var receive = Failure(errnos: [ECONNRESET])
    public var send = Failure(errnos: [ECONNRESET, EPIPE])
    public var open = Failure(errnos: [EIO, ENFILE])
    public var read = Failure(errnos: [EIO])
    /// A failed write may have written any part of its bytes.
    public var write = Failure(errnos: [EIO, ENOSPC])
    /// A failed sync is final for the bytes it covered: no later sync makes them durable, unless
    /// they are written again (as Linux does since 4.13).
    public var sync = Failure(errnos: [EIO])
    /// A write reaches another place of the disk, and is answered as if it had not.
    public var misdirectedWriteRate = 0.0
    public var allocate = Failure(errnos: [ENOSPC, EIO])
    public var rename = Failure(errnos: [EIO, ENOSPC])
    public var unlink = Failure(errnos: [EIO])
    /// The descriptor is closed all the same.
    public var close = Failure(errnos: [EIO])

    /// A zero-copy send's notification comes later by a draw from `notificationDelay`, nanoseconds.
    public var lateNotificationRate = 0.0
    public var notificationDelay: ClosedRange<UInt64> = 1_000_000...200_000_000
    /// A notification says that the kernel copied after all.
    public var copiedRate = 0.0

    /// `prepare` says that the submission queue is full before it is.
    public var queueFullRate = 0.0

    /// The driver draws whose turn comes first in every round, instead of the order of adding.
    public var shufflesTurns = false

    public init() {}

    /// Everything that a correct program survives without an error: delays, other orders, short
    /// counts, interruptions, late notifications. Errnos stay at 0.
    public static func nuisances(rate: Double) -> Self {
        var faults = Self()
        faults.delayRate = rate
        faults.reorderRate = rate
        faults.shortReceiveRate = rate
        faults.shortWaitAllRate = rate
        faults.shortReadRate = rate
        faults.shortWriteRate = rate
        faults.interruptRate = rate / 4
        faults.againRate = rate / 4
        faults.lateNotificationRate = rate
        faults.copiedRate = rate
        faults.queueFullRate = rate
        faults.shufflesTurns = true
        return faults
    }
}

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
