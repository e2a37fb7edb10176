import Client
import Wire

extension EngineSettings {
    /// What one thread of a plan needs.
    init(_ plan: LoadPlan) {
        self.init()
        let lanes = plan.lanesPerThread
        let isWriting = plan.mode != .get
        let isReading = plan.mode == .get || plan.mode == .mixed
        packetBytes = Self.longestFrame(plan, isReading: isReading)
        sentPacketBytes = min(plan.packet, packetBytes)
        windowFrames = plan.isSmall ? 2 : plan.mode == .ping ? plan.depth + 1 : plan.depth
        // Streams share the buffers: ten thousand of them need no more than a few hundred.
        let wanted = max(4, plan.isSmall ? lanes + 2 : lanes * (windowFrames + 1))
        buffers = min(wanted, max(16, LoadPlan.Bounds.bufferBytes / bufferBytes))
        // A block may be sealed while the next one is written; of very many streams, some wait.
        writes = isWriting ? lanes + min(lanes, 256) : 1
        reads = isReading ? lanes : 1
        connections = writes + reads + 64
        guard plan.chain.isEmpty else { return }
        controls = plan.mode == .meta ? min(lanes, plan.streamsPerThread) : min(lanes, 8)
        callsPerControl = 4_096
        calls = 2 * lanes + 16
    }

    private static func longestFrame(_ plan: LoadPlan, isReading: Bool) -> Int {
        if plan.mode == .meta { return Int(Phase.openBytes) }
        let most = isReading ? Limits.payloadBytes : plan.packet
        return Int(min(UInt64(most), plan.size ?? .max))
    }
}

extension LoadPlan {
    var streamsPerThread: Int { (streams + threads - 1) / threads }
}
