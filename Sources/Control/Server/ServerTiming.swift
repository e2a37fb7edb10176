/// How long the server waits for a peer. Milliseconds on the monotonic clock.
package struct ServerTiming: Sendable, Equatable {
    /// From accept to a whole Hello, and from a datanode's Hello to its proof.
    package var handshakeMs: Int64 = 10_000
    /// For a message that has begun to be complete, and for an answer to be taken.
    package var progressMs: Int64 = 10_000
    /// Between messages. Clients keep connections open between operations.
    package var idleMs: Int64 = 600_000
    /// Silence after which a client's connection gives way to a new one, when there is no other
    /// place.
    package var quietMs: Int64 = 1_000
    /// After a refusal, for the peer to read it and close: closing first could take the refusal
    /// away.
    package var lingerMs: Int64 = 1_000
    /// For answers that are on their way when the server stops.
    package var drainMs: Int64 = 2_000
    /// Between two looks at the clock.
    package var tickMs: Int64 = 100

    package init() {}
}
