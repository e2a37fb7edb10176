import System
import Wire

/// Whose connection it is, as far as shares go: an IPv4 address, or the upper half of an IPv6 one,
/// since who has one address of a /64 has all of them.
package struct PeerAddress: Hashable, Sendable, BitwiseCopyable {
    private let bits: UInt64
    private let isLong: Bool

    /// Of a caller that came over no network.
    package static let none = PeerAddress(ipv4: 0)

    package init(ipv4: UInt32) {
        bits = UInt64(ipv4)
        isLong = false
    }

    /// - Parameter ipv6: 16 bytes in network order. A mapped IPv4 address is that address.
    package init(ipv6: [UInt8]) {
        precondition(ipv6.count == 16, "an IPv6 address has 16 bytes")
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        isLong = !ipv6.starts(with: mapped)
        bits = (isLong ? ipv6[..<8] : ipv6[12...]).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// What the server knows of the connection a request came on.
package struct Caller: Sendable, Equatable {
    package var role: ControlRole
    /// What this connection's HelloReply challenged it with: 16 bytes.
    package var challenge: [UInt8]
    /// Address and port, for the log.
    package var peer: String
    /// Whose share a lease counts to.
    package var address: PeerAddress

    package init(
        role: ControlRole, challenge: [UInt8] = [], peer: String = "", address: PeerAddress = .none
    ) {
        self.role = role
        self.challenge = challenge
        self.peer = peer
        self.address = address
    }
}

/// The moment of one decision.
package struct Moment: Sendable, Equatable {
    /// Milliseconds on the namenode's monotonic clock: the only one decisions use.
    package var now: Int64
    /// Milliseconds since 1970, kept with a key for people to read.
    package var unixMs: Int64

    package init(now: Int64, unixMs: Int64 = 0) {
        self.now = now
        self.unixMs = unixMs
    }

    /// Now. A lease does not outlive its promise while the machine sleeps.
    static func read() -> Moment {
        Moment(now: BootClock.milliseconds, unixMs: WallClock.milliseconds)
    }
}
