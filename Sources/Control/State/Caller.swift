import Wire

/// What the server knows of the connection a request came on.
package struct Caller: Sendable, Equatable {
    package var role: ControlRole
    /// What this connection's HelloReply challenged it with: 16 bytes.
    package var challenge: [UInt8]
    /// Address and port, for the log.
    package var peer: String

    package init(role: ControlRole, challenge: [UInt8] = [], peer: String = "") {
        self.role = role
        self.challenge = challenge
        self.peer = peer
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
}
