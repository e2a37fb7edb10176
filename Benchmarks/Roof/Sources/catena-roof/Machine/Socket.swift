import CURing
import Glibc

/// Blocking TCP on loopback, for who needs no ring: the client's end, and every hop of the ping.
struct Socket {
    let descriptor: Int32

    /// Listens on a port of the kernel's choice.
    static func listening() throws(RoofFailure) -> (socket: Socket, port: UInt16) {
        let socket = try make()
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(socket.descriptor, generic, length) | listen(socket.descriptor, 1)
                    | getsockname(socket.descriptor, generic, &length)
            }
        }
        guard result == 0 else { throw RoofFailure("listening on loopback", errno: errno) }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    static func connected(to port: UInt16) throws(RoofFailure) -> Socket {
        let socket = try make()
        var address = loopback(port: port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw RoofFailure("connecting to port \(port)", errno: errno) }
        try socket.setNoDelay()
        return socket
    }

    /// Waits for one peer, for at most 10 s: a hop whose neighbour never came must not stay.
    func accepted() throws(RoofFailure) -> Socket {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, 10_000) == 1 else {
            throw RoofFailure("the process before did not connect within 10 s")
        }
        let peer = Socket(descriptor: accept(descriptor, nil, nil))
        guard peer.descriptor >= 0 else { throw RoofFailure("accepting", errno: errno) }
        try peer.setNoDelay()
        return peer
    }

    func sendAll(_ memory: UnsafeRawPointer, _ count: Int) throws(RoofFailure) {
        var sent = 0
        while sent < count {
            let result = send(descriptor, memory + sent, count - sent, Int32(MSG_NOSIGNAL))
            guard result > 0 else { throw RoofFailure("sending", errno: errno) }
            sent += result
        }
    }

    func receiveAll(_ memory: UnsafeMutableRawPointer, _ count: Int) throws(RoofFailure) {
        var received = 0
        while received < count {
            let result = recv(
                descriptor, memory + received, count - received, Int32(MSG_WAITALL))
            guard result != 0 else { throw RoofFailure("the next process ended early") }
            guard result > 0 else { throw RoofFailure("receiving", errno: errno) }
            received += result
        }
    }

    /// One byte says: ready, written, all done.
    func signal() throws(RoofFailure) {
        var byte: UInt8 = 1
        try sendAll(&byte, 1)
    }

    func awaitSignal() throws(RoofFailure) {
        var byte: UInt8 = 0
        try receiveAll(&byte, 1)
    }

    func close() { Glibc.close(descriptor) }

    private static func make() throws(RoofFailure) -> Socket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw RoofFailure("making a socket", errno: errno) }
        return Socket(descriptor: descriptor)
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return address
    }

    private func setNoDelay() throws(RoofFailure) {
        var one: Int32 = 1
        let result = setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        guard result == 0 else { throw RoofFailure("setting TCP_NODELAY", errno: errno) }
    }
}
