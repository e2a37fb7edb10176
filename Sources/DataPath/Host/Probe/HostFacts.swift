import Reactor

/// What a host is, as far as a datanode's settings depend on it.
public struct HostFacts: Sendable, Equatable {
    public struct Interface: Sendable, Equatable {
        public var name: String
        /// Megabits a second; `nil` where the driver does not say (virtual ones).
        public var megabits: Int?
        public var mtu: Int
        public var numaNode: Int?
        /// Receive queues: so many CPUs can take its interrupts.
        public var queues: Int
        public var isUp: Bool

        public init(
            name: String, megabits: Int?, mtu: Int, numaNode: Int?, queues: Int, isUp: Bool
        ) {
            self.name = name
            self.megabits = megabits
            self.mtu = mtu
            self.numaNode = numaNode
            self.queues = queues
            self.isUp = isUp
        }
    }

    public struct Limits: Sendable, Equatable {
        /// Bytes; `nil` is unlimited, also by CAP_IPC_LOCK.
        public var lockedBytes: UInt64?
        public var openFiles: UInt64

        public init(lockedBytes: UInt64?, openFiles: UInt64) {
            self.lockedBytes = lockedBytes
            self.openFiles = openFiles
        }
    }

    public struct Memory: Sendable, Equatable {
        public var totalBytes: UInt64
        /// Of 2 MiB, reserved and free.
        public var freeHugePages: Int
        /// `always`, `madvise` or `never`.
        public var transparent: String

        public init(totalBytes: UInt64, freeHugePages: Int, transparent: String) {
            self.totalBytes = totalBytes
            self.freeHugePages = freeHugePages
            self.transparent = transparent
        }
    }

    /// Such as `6.1.0-28-amd64`.
    public var kernel = ""
    public var ring = RingFeatures()
    public var limits = Limits(lockedBytes: nil, openFiles: 1 << 20)
    public var memory = Memory(totalBytes: 0, freeHugePages: 0, transparent: "never")
    /// CPUs this process may use.
    public var cpus: [Int] = []
    /// CPUs by NUMA node.
    public var numaNodes: [Int: [Int]] = [:]
    /// Without the loopback.
    public var interfaces: [Interface] = []
    public var device: DeviceFacts?

    public init() {}

    /// The fastest interface that is up; one that does not tell its speed comes last.
    public var fastest: Interface? {
        interfaces.filter(\.isUp).max { ($0.megabits ?? 0) < ($1.megabits ?? 0) }
    }
}
