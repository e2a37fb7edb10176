import Glibc
import System

/// POSIX sockets, as much as a control server needs: non-blocking and closed on exec.
enum ServerSocket {
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
        let (descriptor, peer) = SocketAddress.filled { Glibc.accept(listener, $0, $1) }
        if descriptor >= 0 {
            // Two calls that cannot fail on a descriptor just made; Glibc's module hides accept4.
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            // Without it an answer may wait for an acknowledgement, and is the same answer.
            var on: Int32 = 1
            _ = setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on,
                socklen_t(MemoryLayout<Int32>.size))
            return .connection(
                Arrival(descriptor: descriptor, peer: peer.text, address: address(of: peer)))
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

    private static func address(of peer: SocketAddress) -> PeerAddress {
        let bytes = peer.hostBytes
        return bytes.count == 16
            ? PeerAddress(ipv6: bytes) : PeerAddress(ipv4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }
}
