/// How a datanode sits on its host.
public struct HostSettings: Sendable, Equatable {
    public enum NUMA: Sendable, Equatable {
        /// Threads and memory wherever the system puts them.
        case anywhere
        /// The node of the network interface that is listened on, else of the first directory's
        /// device, else anywhere.
        case auto
        case node(Int)
    }

    /// Reactors: a thread, a ring and a whole `Budget` each.
    public var reactors = 1
    /// One CPU for each reactor, in order; empty: not pinned.
    public var pin: [Int] = []
    public var numa = NUMA.anywhere

    public init() {}

    public static let mostReactors = 256
}
