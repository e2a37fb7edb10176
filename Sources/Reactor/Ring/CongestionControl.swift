import CURing
import Glibc
import System

/// The TCP congestion control of data sockets: names that are tried in order, and the system's own
/// when none is to be had.
///
/// On a cluster's network an algorithm that paces (BBR) pays for a timer with every burst and gets
/// nothing for it: 8 % of a write's CPU time here (docs/PERFORMANCE.md). An unprivileged process
/// may use what `net.ipv4.tcp_allowed_congestion_control` lists (tcp.7).
public struct CongestionControl: Sendable, Equatable {
    public let names: [String]

    public init(names: [String]) { self.names = names }

    /// By a window, without pacing. Reno is in every kernel, and everybody may use it.
    public static var windowed: Self { Self(names: ["cubic", "reno"]) }
    public static var system: Self { Self(names: []) }

    /// Whether this process may use `name`.
    public static func isAvailable(_ name: String) -> Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        return set(name, on: probe)
    }

    /// A peer that leaves sent bytes unacknowledged for this long is gone (tcp.7,
    /// TCP_USER_TIMEOUT), milliseconds.
    private static let userTimeoutMilliseconds: Int32 = 30_000
    /// Bytes that an accepted socket takes beyond what its peer has room for (TCP_NOTSENT_LOWAT,
    /// the kernel's ip-sysctl.rst): so many, and not a whole send buffer, lie in the kernel for a
    /// peer that reads nothing.
    private static let unsentBytes: Int32 = 256 << 10

    /// The options of a listening socket, which accepted ones inherit.
    func prepareListener(_ descriptor: Int32) {
        prepare(descriptor)
        ListeningSocket.setOption(
            descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Self.unsentBytes)
    }

    /// The options of a data socket, this one among them.
    func prepare(_ descriptor: Int32) {
        let transport = Int32(IPPROTO_TCP)
        ListeningSocket.setOption(descriptor, transport, TCP_NODELAY, 1)
        ListeningSocket.setOption(
            descriptor, transport, TCP_USER_TIMEOUT, Self.userTimeoutMilliseconds)
        ListeningSocket.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        for name in names where Self.set(name, on: descriptor) { return }
    }

    private static func set(_ name: String, on descriptor: Int32) -> Bool {
        name.utf8CString.withUnsafeBytes { bytes in
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, bytes.baseAddress,
                socklen_t(bytes.count - 1)) == 0
        }
    }
}
