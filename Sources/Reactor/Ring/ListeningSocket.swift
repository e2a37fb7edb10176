import CURing
import Glibc

/// A bound, listening TCP socket, and the options of the connections that come from it.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    package let address: SocketAddress

    /// A peer that leaves sent bytes unacknowledged for this long is gone (tcp.7,
    /// TCP_USER_TIMEOUT), milliseconds.
    static let userTimeoutMilliseconds: Int32 = 30_000
    /// Bytes that an accepted socket takes beyond what its peer has room for (TCP_NOTSENT_LOWAT,
    /// the kernel's ip-sysctl.rst): so many, and not a whole send buffer, lie in the kernel for a
    /// peer that reads nothing.
    static let unsentBytes: Int32 = 256 << 10

    package static func open(
        on wanted: SocketAddress, backlog: Int32, congestion: CongestionControl = .windowed
    ) throws(RingFailure) -> ListeningSocket {
        let descriptor = socket(wanted.family, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else {
            throw RingFailure(errno: errno, "cannot make a socket: \(errorText(errno))")
        }
        var address = wanted
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        // Accepted sockets inherit these, so a fixed file never needs them set.
        setDataOptions(descriptor, congestion)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, unsentBytes)
        let bound = withUnsafePointer(to: &address.storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, address.length)
            }
        }
        guard bound == 0, Glibc.listen(descriptor, backlog) == 0 else {
            let number = errno
            close(descriptor)
            let advice =
                number == EADDRINUSE
                ? "another process listens there: choose another port" : errorText(number)
            throw RingFailure(errno: number, "cannot listen on \(wanted.text): \(advice)")
        }
        address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &address) { pointer in
            let memory = UnsafeMutableRawPointer(pointer)
            let length = memory + MemoryLayout<SocketAddress>.offset(of: \.length).unsafelyUnwrapped
            return getsockname(
                descriptor, memory.assumingMemoryBound(to: sockaddr.self),
                length.assumingMemoryBound(to: socklen_t.self))
        }
        precondition(named == 0, "a bound socket has a name")
        return ListeningSocket(descriptor: descriptor, address: address)
    }

    static func setDataOptions(_ descriptor: Int32, _ congestion: CongestionControl) {
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, userTimeoutMilliseconds)
        set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        congestion.apply(to: descriptor)
    }

    /// These options exist on every TCP socket of a supported kernel; a failure is our own mistake.
    private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        let result = setsockopt(
            descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        precondition(result == 0, "a TCP socket takes option \(name)")
    }
}
