/// What a node's silence says of it.
package enum Liveness: String, Sendable, CaseIterable {
    case live, stale, dead

    /// - Parameters:
    ///   - silence: milliseconds since the last REGISTER or HEARTBEAT, on the namenode's monotonic
    ///     clock.
    package init(silence: Int64, staleMs: Int64, deadMs: Int64) {
        self = silence >= deadMs ? .dead : silence >= staleMs ? .stale : .live
    }
}
