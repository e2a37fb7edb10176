import Wire

/// Everything an operator may choose about one namenode. Times are milliseconds on a monotonic
/// clock.
package struct NamenodeSettings: Sendable, Equatable {
    /// The directory that `format` made.
    package var directory = ""
    /// An IPv4 or IPv6 address of this host.
    package var listenHost = "127.0.0.1"
    /// 0 lets the kernel choose; the log and `portFile` say which.
    package var listenPort: UInt16 = 0
    /// Written with the bound port and a newline, when set.
    package var portFile: String?
    /// Copies of a block when ADDBLOCK does not say.
    package var replicas = 3
    /// K: fewer live datanodes than this and client traffic is refused; `nil` means a majority of
    /// `replicas`: what was written to all of them is then on one that is live.
    package var minNodes: Int?
    /// The longest block ADDBLOCK plans for a writer that does not ask for another length.
    package var blockBytes = Limits.defaultBlockBytes
    /// The longest that a writer may ask for: a long value's blocks are longer, for their number is
    /// bounded. `nil` means as long as a block can be.
    package var longestBlockBytes: Int?
    /// How often a datanode is told to send HEARTBEAT.
    package var heartbeatMs: Int64 = 1_000
    /// Silence after which a node gets no new blocks and is not counted as live.
    package var staleMs: Int64 = 3_000
    /// Silence after which a node's session is over and its replicas do not count.
    package var deadMs: Int64 = 10_000
    /// How long a node that clients say is silent comes last.
    package var suspectMs: Int64 = 30_000
    package var leaseMs: Int64 = 60_000
    /// How long a deleted block's copies are left at least. They also stay until the last token to
    /// read them has ended.
    package var deleteGraceMs: Int64 = 3_000
    /// How long a stray block has to be shown before an operator's word can delete it.
    package var strayDelayMs: Int64 = 600_000
    package var tokenMs: Int64 = 600_000
    package var keyRotationMs: Int64 = 600_000
    /// Lines of `NODE LOCATION`, see `LocationMap`.
    package var locationMapFile: String?
    package var bounds = Bounds()

    package init() {}

    package var neededNodes: Int { minNodes ?? replicas / 2 + 1 }

    /// The longest block that is planned.
    package var mostBlockBytes: UInt64 {
        UInt64(longestBlockBytes ?? Limits.blockBytes.upperBound)
    }

    /// The longest value that its blocks have room for.
    package var mostValueBytes: UInt64 { mostBlockBytes * UInt64(bounds.blocksPerValue) }

    /// How long a token really lasts. A key signs for one rotation and stays known for one more, so
    /// a token of at most one rotation never outlives its key; a shorter rotation shortens tokens,
    /// it does not make them lie.
    package var effectiveTokenMs: Int64 { min(tokenMs, keyRotationMs) }

    /// How long nodes honour it, by whatever clock.
    package var honouredTokenMs: Int64 { effectiveTokenMs + TokenCheck.graceMilliseconds }

    /// A sentence for each choice that cannot work, empty when all is well.
    package var problems: [String] {
        var found: [String] = []
        func check(_ holds: Bool, _ sentence: String) { if !holds { found.append(sentence) } }
        check(
            Limits.chainNodes.contains(replicas),
            "replicas must be \(Limits.chainNodes.lowerBound) to \(Limits.chainNodes.upperBound)")
        check(
            (1...bounds.nodes).contains(neededNodes), "min-nodes must be 1 to \(bounds.nodes)")
        check(
            Limits.blockBytes.contains(blockBytes),
            "block-bytes must be \(Limits.blockBytes.lowerBound) to \(Limits.blockBytes.upperBound)"
        )
        check(
            (UInt64(blockBytes)...UInt64(max(blockBytes, Limits.blockBytes.upperBound)))
                .contains(mostBlockBytes),
            "longest-block-bytes must be block-bytes to \(Limits.blockBytes.upperBound)")
        check((10...60_000).contains(heartbeatMs), "heartbeat-ms must be 10 to 60000")
        check(staleMs > heartbeatMs, "stale-ms must be longer than heartbeat-ms")
        check(deadMs > staleMs, "dead-ms must be longer than stale-ms")
        check(deadMs <= Self.longestMs, "dead-ms must be at most \(Self.longestMs)")
        check((0...Self.longestMs).contains(suspectMs), "suspect-ms must be 0 to \(Self.longestMs)")
        check((100...Self.longestMs).contains(leaseMs), "lease-ms must be 100 to \(Self.longestMs)")
        check(
            (0...Self.longestMs).contains(deleteGraceMs),
            "delete-grace-ms must be 0 to \(Self.longestMs)")
        check(
            (0...Self.longestMs).contains(strayDelayMs),
            "stray-delay-ms must be 0 to \(Self.longestMs)")
        check((100...Self.longestMs).contains(tokenMs), "token-ms must be 100 to \(Self.longestMs)")
        check(
            (100...Self.longestMs).contains(keyRotationMs),
            "key-rotation-ms must be 100 to \(Self.longestMs)")
        return found
    }

    /// Seven days: a token's `issued` is counted from the making of its key, two rotations back at
    /// most, and has 32 bits of milliseconds.
    package static let longestMs: Int64 = 7 * 24 * 3_600_000
}
