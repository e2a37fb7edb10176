import Glibc
import System

/// One connection of a peer that a test plays: calls that wait, for so long as they may.
package struct BlockingSocket: Sendable {
    package let descriptor: CInt

    package init(descriptor: CInt) { self.descriptor = descriptor }

    /// A receive that gets nothing for so many seconds ends as if the other side were gone.
    package func setPatience(_ seconds: Int) {
        var wait = timeval(tv_sec: seconds, tv_usec: 0)
        let result = setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        precondition(result == 0, "a socket takes a time-out")
    }

    /// - Returns: that many bytes; `nil` when the other side is gone, or silent for too long.
    package func receive(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var buffer = [UInt8](repeating: 0, count: count - bytes.count)
            let got = recv(descriptor, &buffer, buffer.count, 0)
            guard got > 0 else { return nil }
            bytes += buffer.prefix(got)
        }
        return bytes
    }

    /// - Returns: `false` when the other side is gone.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
