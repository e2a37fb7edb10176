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
            case .dead: break
            }
            reply.corruptReplicas += UInt64(node.corrupt.count)
            reply.strayBlocks += UInt64(node.strays.count)
        }
        countSpace(in: &reply)
        let silent = silentNodes(in: turn.store, now: turn.now)
        reply.dead = UInt32(clamping: silent.dead)
        reply.awaited = UInt32(clamping: silent.awaited)
        reply.reportsIncomplete = UInt32(clamping: silent.incomplete)
        if let behind = behindMessage { reply.behind = behind }
        reply.reportsComplete = UInt32(clamping: reportedNodes(now: turn.now))
        let tally = turn.store.tally
        reply.needed = UInt32(clamping: settings.neededNodes)
        reply.keys = UInt64(tally.keys)
        reply.blocks = UInt64(tally.blocks)
        reply.leases = UInt64(clamping: tally.leases - dropping.count)
        reply.underReplicatedBlocks = UInt64(replicas.available - replicas.whole)
        let unheld = UInt64(clamping: tally.sealedBlocks - replicas.available)
        if silent.incomplete > 0, isAwaiting(now: turn.now) || !census.wasReported {
            reply.awaitedBlocks = unheld
        } else {
            reply.missingBlocks = unheld
        }
        reply.uptimeMs = UInt64(clamping: turn.now - started)
        reply.replicas = UInt32(settings.replicas)
        reply.blockBytes = UInt64(settings.blockBytes)
        return reply
    }

    /// Several data directories, of one node or of several, may share a file system, whose room is
    /// there once.
    private func countSpace(in reply: inout ControlClusterStatusReply) {
        var counted: Set<UInt64> = []
        for node in nodes.values where !node.isDead {
            for device in node.devices where !device.failed {
                guard device.fileSystem == 0 || counted.insert(device.fileSystem).inserted else {
                    continue
                }
                reply.capacityBytes &+= device.capacityBytes
                reply.usedBytes &+= device.usedBytes
            }
        }
    }
}
