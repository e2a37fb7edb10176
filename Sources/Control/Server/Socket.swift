import Glibc

/// A system call that failed, in words.
package struct SystemFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    package init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }

    package var isDenied: Bool { code == EACCES || code == EPERM }
}

/// POSIX sockets, as much as a control server needs: non-blocking and closed on exec.
enum Socket {
    /// Connections the kernel may hold before they are accepted.
    static let backlog: Int32 = 512

    /// Listens on a numeric address.
    static func listen(host: String, port: UInt16) throws(SystemFailure) -> Int32 {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found else {
            throw SystemFailure("listen on \(host), not a numeric address", code: EINVAL)
        }
        defer { freeaddrinfo(found) }
        let flags =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.ai_family, flags, 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        set(descriptor, level: SOL_SOCKET, option: SO_REUSEADDR)
        guard bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, backlog) == 0
        else {
            let failure = SystemFailure("listen on \(host):\(port)")
            _ = Glibc.close(descriptor)
            throw failure
        }
        return descriptor
    }

    static func boundPort(_ descriptor: Int32) throws(SystemFailure) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        guard result == 0 else { throw SystemFailure("getsockname") }
        return port(of: storage)
    }

    /// A connection that was accepted.
    struct Arrival {
        let descriptor: Int32
        /// Address and port, for the log.
        let peer: String
        let address: PeerAddress
    }

    enum Accepted {
        case connection(Arrival)
        case none
        /// Out of descriptors or memory: try again later.
        case exhausted(SystemFailure)
    }

    static func accept(_ listener: Int32) -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.accept(listener, $0, &length)
            }
        }
        if descriptor >= 0 {
            // Two calls that cannot fail on a descriptor just made; Glibc's module hides accept4.
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            set(descriptor, level: Int32(IPPROTO_TCP), option: TCP_NODELAY)
            return .connection(
                Arrival(
                    descriptor: descriptor, peer: peer(of: storage), address: address(of: storage)))
        }
        switch errno {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(SystemFailure("accept"))
        default: return .none
        }
    }

    enum Moved: Equatable {
        case bytes(Int)
        case wouldBlock
        case end
        case failed(Int32)
    }

    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Moved {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }

    static func send(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Moved {
        while true {
            let count = Glibc.send(
                descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }

    /// An option that cannot be set costs speed, not correctness.
    private static func set(_ descriptor: Int32, level: Int32, option: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func port(of storage: sockaddr_storage) -> UInt16 {
        withUnsafePointer(to: storage) { pointer in
            if storage.ss_family == sa_family_t(AF_INET6) {
                return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin6_port)
                }
            }
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }

    private static func address(of storage: sockaddr_storage) -> PeerAddress {
        withUnsafePointer(to: storage) { pointer in
            if storage.ss_family == sa_family_t(AF_INET6) {
                return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    withUnsafeBytes(of: address.pointee.sin6_addr) {
                        PeerAddress(ipv6: Array($0))
                    }
                }
            }
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                PeerAddress(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
        }
    }

    private static func peer(of storage: sockaddr_storage) -> String {
        var storage = storage
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getnameinfo(
                    $0, socklen_t(MemoryLayout<sockaddr_storage>.size), &host,
                    socklen_t(host.count), nil, 0, NI_NUMERICHOST)
            }
        }
        let bytes = host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let name = result == 0 ? String(decoding: bytes, as: UTF8.self) : "unknown"
        return "\(name):\(port(of: storage))"
    }
}
