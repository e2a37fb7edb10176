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

/// How many nodes are live, counted only when the answer can have changed.
struct Census: Sendable {
    /// Whether K nodes were live at one time since the start.
    var wasComplete = false
    /// Whether K nodes had named all they hold at one time since the start.
    var wasReported = false
    private var live = 0
    /// Until then nobody counted as live can have gone stale.
    private var validUntil = Int64.min

    /// Somebody registered, came back or died.
    mutating func invalidate() { validUntil = .min }

    mutating func live(among nodes: some Collection<NodeEntry>, staleMs: Int64, now: Int64) -> Int {
        guard now >= validUntil else { return live }
        live = 0
        var next = Int64.max
        for node in nodes where !node.isDead && now - node.lastContact < staleMs {
            live += 1
            next = min(next, node.lastContact + staleMs)
        }
        validUntil = next
        return live
    }
}
