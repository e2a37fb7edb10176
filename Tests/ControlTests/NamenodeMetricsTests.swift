import Control
import Metrics
import Testing
import Wire

/// What the namenode counts, and what it keeps of what datanodes count.
@Suite struct NamenodeMetricsTests {
    private func metric(_ name: String, _ numbers: [Double] = [1]) -> ControlMetric {
        var metric = ControlMetric()
        metric.name = name
        metric.numbers = numbers
        return metric
    }

    private func report(
        _ desk: inout Desk, of nodes: [FakeNode] = []
    ) throws -> ControlReportReply {
        var message = ControlReport()
        message.metrics = true
        message.nodeIds = nodes.map { .init($0.id.bytes) }
        return try desk.send(.report(message)).report
    }

    private func value(_ name: String, _ reply: ControlReportReply) throws -> MetricValue {
        try #require(reply.metrics.first { $0.name == "catena_namenode_\(name)" }?.sample).value
    }

    /// Of a family.
    private func number(
        _ name: String, _ label: String, _ reply: ControlReportReply
    ) throws -> Double {
        guard case .family(_, let values, let numbers) = try value(name, reply) else { return -1 }
        return numbers[try #require(values.firstIndex(of: label))]
    }

    @Test func requestsAreCountedByOperationAndRefusalsByCode() throws {
        var desk = try Desk()
        _ = try desk.open("none")
        _ = try desk.open("none")
        let reply = try report(&desk)
        #expect(try number("requests_total", "open", reply) == 2)
        #expect(try number("requests_total", "register", reply) == 3)
        #expect(try number("requests_total", "report", reply) == 1)
        #expect(try number("requests_total", "close", reply) == 0)
        #expect(try number("refusals_total", "not_found", reply) == 2)
        #expect(try number("datanodes", "live", reply) == 3)
    }

    @Test func aRetryThatGetsTheFirstAnswerIsCounted() throws {
        var desk = try Desk()
        var create = ControlCreate()
        create.key = "a"
        let first = try desk.send(.create(create), id: 77)
        #expect(try desk.send(.create(create), id: 77) == first)
        let reply = try report(&desk)
        #expect(try value("first_answers_given_total", reply) == .number(1))
        #expect(try value("leases", reply) == .number(1))
    }

    @Test func commitsHaveTheirTimeAndTheirRequests() throws {
        var desk = try Desk()
        let before = desk.engine.namenode.counters
        for key in ["a", "b"] {
            var request = ControlRequest()
            request.clientID = .init(Desk.client(1).bytes)
            request.requestID = key == "a" ? 1 : 2
            request.create.key = key
            _ = try desk.engine.handle(
                request, from: Caller(role: .client), at: Moment(now: desk.now))
        }
        desk.engine.commit(at: 1_000) { _ in }
        desk.engine.committed(at: 1_000 + 40_000)
        let after = desk.engine.namenode.counters
        #expect(after.commitTimes.count == before.commitTimes.count + 1)
        #expect(after.mutations > before.mutations)
        guard case .histogram(let bounds, let counts, _) = after.commitRequests.value(in: .one),
            case .histogram(_, let old, _) = before.commitRequests.value(in: .one)
        else {
            Issue.record("commitRequests is no histogram")
            return
        }
        let place = try #require(bounds.firstIndex(of: 2))
        #expect(counts[place] == old[place] + 1)
    }

    @Test func aCommitWithoutRequestsHasItsTimeOnly() throws {
        var desk = try Desk()
        _ = try desk.create("a")
        let before = desk.engine.namenode.counters
        try desk.pass(61_000)
        let after = desk.engine.namenode.counters
        #expect(after.leasesExpired == before.leasesExpired + 1)
        #expect(after.commitTimes.count > before.commitTimes.count)
        #expect(after.commitRequests.count == before.commitRequests.count)
    }

    @Test func whatADatanodeCountsIsShownAsItCame() throws {
        var desk = try Desk()
        try desk.count(0, [metric("catena_of_a_later_version", [7])])
        let reply = try report(&desk)
        #expect(reply.nodes[0].metrics == [metric("catena_of_a_later_version", [7])])
        // Nobody asked.
        #expect(try desk.send(.report(ControlReport())).report.nodes[0].metrics.isEmpty)
        // The next heartbeat says something else.
        try desk.count(0, [metric("b")])
        #expect(try report(&desk).nodes[0].metrics == [metric("b")])
    }

    @Test func aNodesMetricsAreBoundedInNumberAndBytes() throws {
        var desk = try Desk {
            $0.bounds.metricsPerNode = 3
            $0.bounds.metricBytesPerNode = 100
        }
        try desk.count(0, (0..<5).map { metric("m\($0)") })
        #expect(try report(&desk).nodes[0].metrics.map(\.name) == ["m0", "m1", "m2"])
        try desk.count(
            0, [metric("a"), metric(String(repeating: "b", count: 100)), metric("c")])
        #expect(try report(&desk).nodes[0].metrics.map(\.name) == ["a"])
    }

    @Test func whatTakesMemoryTakesRoom() throws {
        var desk = try Desk { $0.bounds.metricBytesPerNode = 1_000 }
        var empty = metric("empty", [])
        empty.label = "l"
        empty.labelValues = Array(repeating: "", count: 100)
        try desk.count(0, [metric("a"), empty])
        #expect(try report(&desk).nodes[0].metrics.map(\.name) == ["a"])
        try desk.count(0, (0..<100).map { metric("m\($0)", []) })
        #expect(try report(&desk).nodes[0].metrics.count < 100)
        try desk.count(0, [metric("numbers", Array(repeating: 1, count: 100))])
        #expect(try report(&desk).nodes[0].metrics.isEmpty)
    }

    @Test func oddMetricsAreKeptAndTheirUnknownFieldsAreNot() throws {
        var desk = try Desk()
        // Field 15, two bytes.
        let bytes: [UInt8] = try metric("a").serializedBytes() + [0x7a, 2, 1, 2]
        let later = try ControlMetric(serializedBytes: bytes)
        #expect(later != metric("a"))
        try desk.count(0, [later, metric("a", [2]), metric("of no shape", [1, 2])])
        let expected = [metric("a"), metric("of no shape", [1, 2])]
        #expect(try report(&desk).nodes[0].metrics == expected)
    }

    @Test func aLargeNodeDoesNotStarveThoseBehindIt() throws {
        var desk = try Desk { $0.bounds.replyListBytes = 9_000 }
        for (index, length) in [10, 9_000, 10].enumerated() {
            try desk.count(index, [metric(String(repeating: "\(index)", count: length))])
        }
        let reply = try report(&desk)
        #expect(reply.nodes.map(\.metricsLeftOut) == [false, true, false])
        #expect(reply.nodes.map(\.metrics.count) == [1, 0, 1])
    }

    @Test func whatHasNoRoomIsAskedForAgain() throws {
        var desk = try Desk { $0.bounds.replyListBytes = 9_000 }
        for index in 0..<3 {
            try desk.count(index, [metric(String(repeating: "\(index)", count: 4_000))])
        }
        let reply = try report(&desk)
        #expect(reply.nodes.map(\.metricsLeftOut) == [false, true, true])
        #expect(reply.nodes.map(\.metrics.count) == [1, 0, 0])
        let rest = try report(&desk, of: [desk.nodes[2]])
        #expect(rest.nodes.map(\.node.nodeID) == [reply.nodes[2].node.nodeID])
        #expect(rest.nodes[0].metrics.count == 1)
    }
}

extension Desk {
    fileprivate mutating func count(_ index: Int, _ metrics: [ControlMetric]) throws {
        nodes[index].sequence += 1
        var message = nodes[index].heartbeat(challenge: Self.challenge, secret: Self.secret)
        message.metrics = metrics
        #expect(try send(.heartbeat(message), role: .datanode).code == .ok)
    }
}
