import Glibc

/// A bound, listening TCP socket.
package struct ListeningSocket: Sendable {
    package let descriptor: CInt
    /// Where it is; the port is the kernel's choice when 0 was wanted.
    package let address: SocketAddress

    /// - Parameters:
    ///   - flags: besides SOCK_CLOEXEC, such as SOCK_NONBLOCK (socket.2).
    ///   - prepare: sets options, which accepted sockets inherit, before it listens.
    package static func open(
        on wanted: SocketAddress, backlog: CInt, flags: CInt = 0, prepare: (CInt) -> Void = { _ in }
    ) throws(SystemFailure) -> ListeningSocket {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | flags
        let descriptor = socket(wanted.family, type, 0)
        guard descriptor >= 0 else { throw SystemFailure("make a socket") }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        prepare(descriptor)
        let bound = wanted.withSockaddr { bind(descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(descriptor, backlog) == 0 else {
            let failure = SystemFailure("listen on \(wanted.text)")
            close(descriptor)
            throw failure
        }
        let (named, address) = SocketAddress.filled { getsockname(descriptor, $0, $1) }
        precondition(named == 0, "a bound socket has a name")
        return ListeningSocket(descriptor: descriptor, address: address)
    }

    /// For options that every TCP socket of a supported kernel has; a failure is our own mistake.
    package static func setOption(
        _ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt
    ) {
        var value = value
        let result = setsockopt(
            descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
        precondition(result == 0, "a TCP socket takes option \(name)")
    }
}
