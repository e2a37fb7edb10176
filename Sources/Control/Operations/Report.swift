import SwiftProtobuf
import Wire

extension Namenode {
    /// REPORT: every node, by location. Cut at what a control message holds.
    mutating func report(
        _ request: ControlReport, _ turn: inout Turn<some NamespaceReader>
    ) -> ControlReportReply {
        var reply = ControlReportReply()
        reply.status = clusterStatus(&turn)
        let shown = nodes.values.filter {
            !request.deadOnly || liveness(of: $0, now: turn.now) == .dead
        }
        var room = settings.bounds.replyListBytes
        for node in shown.sorted(by: Self.comesFirst) {
            let message = nodeReport(node, now: turn.now)
            room -= Self.size(message)
            guard room > 0 else {
                turn.note(Notice(.warning, "a report was cut: too many nodes for one message"))
                break
            }
            reply.nodes.append(message)
        }
        let isAwaiting = isAwaiting(now: turn.now)
        guard !isAwaiting || !request.deadOnly else { return reply }
        for id in unregistered(in: turn.store).sorted(by: { ($0.high, $0.low) < ($1.high, $1.low) })
        where room > 0 {
            var message = ControlNodeReport()
            message.node = self.message(for: id)
            message.state = isAwaiting ? "awaited" : Liveness.dead.rawValue
            message.lastContactMs = UInt64(clamping: turn.now - started)
            room -= Self.size(message)
            reply.nodes.append(message)
        }
        return reply
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
