import Client
import ControlClient
import FoundationEssentials
import Metrics
import TestSupport
import Testing
import Wire

/// What the client makes of a REPORT with metrics.
struct ClusterReportTests {
    private static func node(_ number: Int) -> NodeID { NodeID(high: 7, low: UInt64(number)) }

    private static func metric(_ name: String, _ numbers: [Double] = [1]) -> ControlMetric {
        var metric = ControlMetric()
        metric.name = name
        metric.numbers = numbers
        return metric
    }

    /// - Parameter metrics: `nil` when they are left out.
    private static func row(_ node: NodeID, _ metrics: [ControlMetric]?) -> ControlNodeReport {
        var row = ControlNodeReport()
        row.node.nodeID = Data(node.bytes)
        row.metrics = metrics ?? []
        row.metricsLeftOut = metrics == nil
        return row
    }

    private func answering(
        _ change: @escaping @Sendable (ControlReport, inout ControlReportReply) -> Void
    ) -> FakeNamenode {
        FakeNamenode { peer, _ in
            _ = peer.greet()
            peer.serve { request in
                var reply = ControlReply()
                change(request.report, &reply.report)
                return reply
            }
        }
    }

    private func client(_ namenode: FakeNamenode) -> NamespaceClient {
        let caller = ControlCaller(
            namenode.endpoint, settings: .init(role: .client),
            retry: .init(totalMilliseconds: 20_000, pause: 1))
        return NamespaceClient(caller)
    }

    @Test func aMetricOfAnUnknownShapeHidesNoOther() throws {
        let namenode = answering { _, reply in
            reply.metrics = [Self.metric("odd", []), Self.metric("own")]
            reply.nodes = [
                Self.row(Self.node(1), [Self.metric("good"), Self.metric("odd", [1, 2])]),
                Self.row(Self.node(2), [Self.metric("odd", [])]),
            ]
        }
        let report = try client(namenode).measuredReport()
        let one = { MetricSample(name: $0, value: .number(1)) }
        #expect(report.metrics == [one("own")])
        #expect(report.nodes.map(\.metrics) == [[one("good")], []])
    }

    /// Twenty of 22 nodes find no room; one of them finds none again.
    @Test func whatFoundNoRoomIsAskedForSixteenNodesAtATime() throws {
        let all = (1...22).map(Self.node)
        let measured = [all[3], all[10]]
        let again = all[21]
        let namenode = answering { request, reply in
            guard !request.nodeIds.isEmpty else {
                reply.nodes = all.map {
                    Self.row($0, measured.contains($0) ? [Self.metric("first")] : nil)
                }
                return
            }
            let asked = request.nodeIds.compactMap { NodeID(bytes: $0) }
            // In another order than the first answer's.
            reply.nodes = asked.reversed().map {
                Self.row($0, $0 == again ? nil : [Self.metric("then \($0)")])
            }
        }
        let report = try client(namenode).measuredReport()
        let left = all.filter { !measured.contains($0) }.map { Data($0.bytes) }
        #expect(
            namenode.requests.map(\.report.nodeIds)
                == [[], Array(left.prefix(16)), Array(left.suffix(4))])
        #expect(namenode.requests.map(\.report.metrics) == [true, true, true])
        #expect(report.nodes.map(\.node) == all)
        for node in report.nodes {
            let expected: [String]? =
                if node.node == again {
                    nil
                } else {
                    [measured.contains(node.node) ? "first" : "then \(node.node)"]
                }
            #expect(node.metrics?.map(\.name) == expected)
        }
    }
}
