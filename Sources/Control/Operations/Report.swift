import Foundation
import Metrics
import SwiftProtobuf
import Wire

extension Namenode {
    /// REPORT: every node, by location. Cut at what a control message holds; what nodes count comes
    /// behind, as far as there is room.
    mutating func report(
        _ request: ControlReport, _ turn: inout Turn<some NamespaceReader>
    ) -> ControlReportReply {
        var reply = ControlReportReply()
        reply.status = clusterStatus(&turn)
        var room = settings.bounds.replyListBytes
        if request.metrics {
            reply.metrics = metrics(turn)
            room -= reply.metrics.reduce(0) { $0 + Self.size($1) }
        }
        let asked = Set(request.nodeIds)
        let shown = nodes.values.filter { node in
            (!request.deadOnly || liveness(of: node, now: turn.now) == .dead)
                && (asked.isEmpty || asked.contains(node.message.nodeID))
        }
        for node in shown.sorted(by: Self.comesFirst) {
            let message = nodeReport(node, now: turn.now)
            room -= Self.size(message)
            guard room > 0 else {
                turn.note(Notice(.warning, "a report was cut: too many nodes for one message"))
                break
            }
            reply.nodes.append(message)
        }
        addUnregistered(to: &reply, request, asked, &room, turn)
        if request.metrics { addMetrics(to: &reply, room: room) }
        return reply
    }

    private func addUnregistered(
        to reply: inout ControlReportReply, _ request: ControlReport, _ asked: Set<Data>,
        _ room: inout Int, _ turn: Turn<some NamespaceReader>
    ) {
        let isAwaiting = isAwaiting(now: turn.now)
        guard !isAwaiting || !request.deadOnly else { return }
        for id in unregistered(in: turn.store).sorted(by: { ($0.high, $0.low) < ($1.high, $1.low) })
        where room > 0 && (asked.isEmpty || asked.contains(Data(id.bytes))) {
            var message = ControlNodeReport()
            message.node = self.message(for: id)
            message.state = isAwaiting ? "awaited" : Liveness.dead.rawValue
            message.lastContactMs = UInt64(clamping: turn.now - started)
            room -= Self.size(message)
            reply.nodes.append(message)
        }
    }

    /// In the order of the nodes; one that does not fit is to be asked for again.
    private func addMetrics(to reply: inout ControlReportReply, room: Int) {
        var room = room
        for index in reply.nodes.indices {
            guard let node = NodeID(bytes: reply.nodes[index].node.nodeID),
                let metrics = nodes[node]?.metrics
            else { continue }
            var alone = ControlNodeReport()
            alone.metrics = metrics
            let size = Self.size(alone)
            guard size < room else {
                reply.nodes[index].metricsLeftOut = true
                continue
            }
            room -= size
            reply.nodes[index].metrics = metrics
        }
    }

    /// The namenode's own, with what there is now.
    private func metrics(_ turn: Turn<some NamespaceReader>) -> [ControlMetric] {
        var counters = counters
        for node in nodes.values { counters.nodes[liveness(of: node, now: turn.now)] += 1 }
        let tally = turn.store.tally
        counters.keys = tally.keys
        counters.blocks = tally.blocks
        counters.blocksToDelete = tally.doomedBlocks
        counters.leases = max(0, tally.leases - dropping.count)
        return NamenodeCounters.metrics.samples(of: counters).map(ControlMetric.init)
    }

    static func comesFirst(_ left: NodeEntry, _ right: NodeEntry) -> Bool {
        (left.location.description, left.id.high, left.id.low)
            < (right.location.description, right.id.high, right.id.low)
    }

    static func size(_ message: some SwiftProtobuf.Message) -> Int {
        do { return try ControlFrame.encode(message).count } catch {
            preconditionFailure("a message can be written: \(error)")
        }
    }

    private func nodeReport(_ node: NodeEntry, now: Int64) -> ControlNodeReport {
        var report = ControlNodeReport()
        report.node = node.message
        report.state = liveness(of: node, now: now).rawValue
        report.lastContactMs = UInt64(clamping: now - node.lastContact)
        report.devices = node.devices
        report.blocks = UInt64(replicas.count(of: node.id))
        report.openStreams = node.openStreams
        report.software = node.software
        report.reportComplete = node.reportComplete
        report.corrupt = UInt64(node.corrupt.count)
        report.stale = UInt64(node.stale.count)
        report.strays = UInt64(node.strays.count)
        report.mismatches = UInt64(node.mismatches)
        report.scrubs = node.scrubs.progress
        report.suspected = suspicions.contains(node.id, now: now)
        return report
    }
}
