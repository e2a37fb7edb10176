import Foundation
import Wire

extension Namenode {
    /// CLUSTER_STATUS: the whole cluster in a few numbers, also below K.
    mutating func clusterStatus(
        _ turn: inout Turn<some NamespaceReader>
    ) -> ControlClusterStatusReply {
        var reply = ControlClusterStatusReply()
        reply.clusterID = Data(cluster.bytes)
        for node in nodes.values {
            switch liveness(of: node, now: turn.now) {
            case .live: reply.live += 1
            case .stale: reply.stale += 1
            case .dead: reply.dead += 1
            }
            reply.corruptReplicas += UInt64(node.corrupt.count)
            reply.strayBlocks += UInt64(node.strays.count)
            if !node.isDead {
                reply.capacityBytes &+= node.space.capacityBytes
                reply.usedBytes &+= node.space.usedBytes
            }
        }
        if let behind = behindMessage { reply.behind = behind }
        reply.reportsComplete = UInt32(clamping: reportedNodes(now: turn.now))
        let tally = turn.store.tally
        reply.needed = UInt32(clamping: settings.neededNodes)
        reply.keys = UInt64(tally.keys)
        reply.blocks = UInt64(tally.blocks)
        reply.leases = UInt64(tally.leases)
        reply.underReplicatedBlocks = UInt64(replicas.available - replicas.whole)
        reply.missingBlocks = UInt64(clamping: tally.sealedBlocks - replicas.available)
        reply.uptimeMs = UInt64(clamping: turn.now - started)
        reply.replicas = UInt32(settings.replicas)
        reply.blockBytes = UInt64(settings.blockBytes)
        return reply
    }
}
