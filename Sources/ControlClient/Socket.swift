import Glibc
import System

/// A blocking TCP socket whose every wait has a deadline: non-blocking underneath, `poll` above.
package struct Socket: ~Copyable {
    private let descriptor: CInt
    package let address: String

    /// Connects to the first of the endpoint's addresses that answers.
    ///
    /// The deadline covers all addresses together; resolving a name takes what the system's
    /// resolver takes.
    package init(_ endpoint: Endpoint, before deadline: Deadline) throws(ControlFailure) {
        do throws(DialFailure) {
            descriptor = try AddressList(endpoint).connect(before: deadline).descriptor
        } catch {
            throw ControlFailure(error)
        }
        address = endpoint.description
        // A request is one small write that waits for its answer: nothing to gather.
        var on: CInt = 1
        setsockopt(
            descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on,
            socklen_t(MemoryLayout<CInt>.size))
    }

    /// Takes a connected descriptor over; `address` is the peer's, for messages.
    package init(accepted descriptor: CInt, address: String) throws(ControlFailure) {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            let number = errno
            close(descriptor)
            throw .unreachable(address: address, reason: errorText(number))
        }
        self.descriptor = descriptor
        self.address = address
    }

    deinit { close(descriptor) }

    /// Who is at the other end; `nil` when the connection is gone.
    var peer: SocketAddress? {
        let (result, address) = SocketAddress.filled { getpeername(descriptor, $0, $1) }
        return result == 0 ? address : nil
    }

    package func send(_ bytes: [UInt8], before deadline: Deadline) throws(ControlFailure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress.unsafelyUnwrapped + sent, bytes.count - sent,
                    CInt(MSG_NOSIGNAL))
            }
            if count >= 0 { sent += count } else { try retry(CInt(POLLOUT), deadline) }
        }
    }

    /// Whatever has arrived, at least one byte and at most `most`.
    package func receive(most: Int, before deadline: Deadline) throws(ControlFailure) -> [UInt8] {
        while true {
            var received = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
                received = recv(descriptor, buffer.baseAddress, most, 0)
                count = max(0, received)
            }
            if received > 0 { return bytes }
            guard received != 0 else {
                throw .unreachable(address: address, reason: "it closed the connection")
            }
            try retry(CInt(POLLIN), deadline)
        }
    }

    /// Waits when the last call would have blocked; throws when it failed.
    private func retry(_ events: CInt, _ deadline: Deadline) throws(ControlFailure) {
        let number = errno
        if number == EINTR { return }
        guard number == EAGAIN || number == EWOULDBLOCK else {
            throw .unreachable(address: address, reason: errorText(number))
        }
        guard wait(descriptor, events, before: deadline) else {
            throw .timedOut(address: address, milliseconds: deadline.duration)
        }
    }
}

/// Waits for `events`; `false` when the deadline passed first.
func wait(_ descriptor: CInt, _ events: CInt, before deadline: Deadline) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
        let remaining = deadline.remaining
        let ready = poll(&entry, 1, CInt(clamping: remaining))
        if ready > 0 { return true }
        // Any failure but EINTR is a wrong argument of ours; the next send or receive names it.
        if ready < 0 && errno != EINTR { return true }
        if deadline.passed { return false }
    }
}
