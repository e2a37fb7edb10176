import Foundation
import SwiftProtobuf
import Wire

extension Namenode {
    /// HEARTBEAT: a datanode lives, says what is new, and hears what to do.
    mutating func heartbeat(
        _ request: ControlHeartbeat, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlHeartbeatReply {
        let id = try checkHeartbeat(request, turn.caller)
        try check(request.devices)
        let sequence = nodes[id]?.sequence ?? 0
        guard request.sequence <= sequence + 1 else {
            throw Refusal(
                .staleSession,
                "expected sequence \(sequence + 1), got \(request.sequence): register again")
        }
        let isRepeated = request.sequence <= sequence
        let wasLive = nodes[id].map { liveness(of: $0, now: turn.now) } == .live
        nodes[id]?.lastContact = turn.now
        nodes[id]?.openStreams = request.openStreams
        let metrics = kept(request.metrics)
        nodes[id]?.metrics = metrics
        let mostDevices = settings.bounds.devicesPerNode
        nodes[id]?.scrubs.progress = Array(request.scrubs.prefix(mostDevices))
        if !request.devices.isEmpty {
            nodes[id]?.devices = request.devices
            nodes[id]?.planned = 0
        }
        if !wasLive {
            census.invalidate()
            suspicions.remove(id)
        }
        if request.sequence == sequence + 1 {
            nodes[id]?.sequence = request.sequence
            for block in request.blocks { take(block, from: id, &turn) }
            leaveBehind(id, &turn)
            if request.reportComplete { completeReport(of: id, &turn) }
        }
        var reply = ControlHeartbeatReply()
        reply.keys = signingKeys(for: id, request.challenge, turn.caller, now: turn.now)
        reply.currentKey = keys.current.id.number
        if mayDelete(now: turn.now) {
            // What is answered is covered by this commit, or by one that was before it.
            reply.incarnation = history.current.number
            reply.commit = turn.store.commits
            reply.commands = commands(for: id, now: turn.now)
        }
        let left = settings.bounds.commandsPerHeartbeat - reply.commands.count
        reply.commands += scrubCommands(for: id, most: left, isRepeated: isRepeated)
        return reply
    }

    /// Of any name and shape, for the node may be of another version; a name counts once.
    private func kept(_ metrics: [ControlMetric]) -> [ControlMetric] {
        var room = settings.bounds.metricBytesPerNode
        var names: Set<String> = []
        var kept: [ControlMetric] = []
        for var metric in metrics.prefix(settings.bounds.metricsPerNode)
        where names.insert(metric.name).inserted {
            room -= Self.bytes(metric)
            guard room >= 0 else { break }
            metric.unknownFields = UnknownStorage()
            kept.append(metric)
        }
        return kept
    }

    /// About what it takes, in memory and in a message: an empty text is not free.
    private static func bytes(_ metric: ControlMetric) -> Int {
        let texts = metric.labelValues.reduce(0) { $0 + 16 + $1.utf8.count }
        let numbers = metric.numbers.count + metric.bounds.count + metric.counts.count
        return 16 + metric.name.utf8.count + metric.label.utf8.count + texts + 10 * numbers
    }

    private func checkHeartbeat(
        _ request: ControlHeartbeat, _ caller: Caller
    ) throws(Refusal) -> NodeID {
        guard caller.role == .datanode else {
            throw Refusal(
                .malformed, "only a connection that said it is a datanode has a heartbeat")
        }
        guard let id = NodeID(bytes: request.nodeID) else {
            throw Refusal(.malformed, "a node id has 16 bytes")
        }
        guard isProven(request, node: id, caller) else {
            throw Refusal(.badSecret, "the proof does not match this cluster's secret")
        }
        try check(challenge: request.challenge)
        guard let node = nodes[id] else {
            throw Refusal(.staleSession, "node \(id) is not registered: register again")
        }
        guard node.session == request.session else {
            // Sessions only grow, so an older one is of this node's past; whether of another
            // process is written where the newer one took its place.
            if node.replacedSessions.contains(request.session) {
                throw Refusal(.incarnationReplaced, "another process registered as node \(id)")
            }
            throw Refusal(.staleSession, "session \(request.session) is over: register again")
        }
        guard !node.isDead else {
            throw Refusal(.staleSession, "the node was silent for too long: register again")
        }
        return id
    }

    private mutating func completeReport(of id: NodeID, _ turn: inout Turn<some NamespaceReader>) {
        guard let node = nodes[id], !node.reportComplete else { return }
        nodes[id]?.reportComplete = true
        turn.note(
            Notice(
                node.strays.count + node.mismatches + node.corrupt.count > 0 ? .warning : .info,
                "block report complete",
                [
                    "node": "\(id)", "blocks": "\(replicas.count(of: id))",
                    "stray": "\(node.strays.count)", "mismatched": "\(node.mismatches)",
                    "corrupt": "\(node.corrupt.count)", "stale": "\(node.stale.count)",
                    "to_delete": "\(node.doomed.count)",
                ]))
    }

    /// Deletions for blocks this node reported that nobody reads any more, the next ones in turn;
    /// repeated with later heartbeats until the node says that they are gone.
    private mutating func commands(for id: NodeID, now: Int64) -> [ControlCommand] {
        guard var node = nodes[id], !node.doomed.isEmpty else { return [] }
        let most = settings.bounds.commandsPerHeartbeat
        var next = node.doomed.entries(from: node.doomedCursor, limit: most)
        if next.count < most {
            let start = node.doomed.entries(from: BlockID(0), limit: most - next.count)
            next += start.prefix { $0.key < node.doomedCursor }
        }
        node.doomedCursor = BlockID((next.last?.key.number ?? 0) &+ 1)
        nodes[id]?.doomedCursor = node.doomedCursor
        let due = next.filter { now >= $0.value.due }
        return due.map { block, copy in
            var command = ControlCommand()
            command.kind = .delete
            command.block = block.number
            command.epoch = copy.deletion.epoch.number
            command.incarnation = copy.deletion.incarnation.number
            if let content = copy.deletion.content {
                command.sealed = true
                command.length = content.length
                command.crc = content.checksum
            }
            return command
        }
    }
}
