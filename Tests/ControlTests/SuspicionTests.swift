import Control
import Foundation
import Testing
import Wire

@Suite("A client says that a node does not answer")
struct SuspicionTests {
    private func reportSilent(_ desk: inout Desk, _ node: Int, from address: UInt32 = 1)
        throws -> ControlCode
    {
        var message = ControlReportBad()
        message.nodeID = Data(desk.nodes[node].id.bytes)
        message.reason = .silent
        return try desk.send(.reportBad(message), address: PeerAddress(ipv4: address)).code
    }

    private func suspected(_ desk: inout Desk) throws -> [Int] {
        let report = try desk.send(.report(ControlReport())).report
        let ids = report.nodes.filter(\.suspected).map(\.node.nodeID)
        return desk.nodes.indices.filter { ids.contains(Data(desk.nodes[$0].id.bytes)) }
    }

    @Test("it comes last for readers, and gets no new block while there are enough others")
    func comesLast() throws {
        var desk = try Desk(nodes: 4) { $0.suspectMs = 5_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        let first = try #require(
            desk.nodes.firstIndex { Data($0.id.bytes) == plan.chain[0].nodeID })
        #expect(try reportSilent(&desk, first) == .ok)
        #expect(desk.notices.contains { $0.message.contains("does not answer") })
        for _ in 0..<20 {
            let replicas = try #require(try desk.open("a").open.blocks.first).replicas
            #expect(replicas.count == 3 && replicas.last?.nodeID == plan.chain[0].nodeID)
        }
        let lease = try desk.create("b").create.leaseID
        for _ in 0..<20 {
            let chain = try desk.addBlock(lease).addBlock.chain
            #expect(!chain.contains { $0.nodeID == plan.chain[0].nodeID })
        }
        // Without it there is no chain of four.
        #expect(try desk.addBlock(lease) { $0.replicas = 4 }.addBlock.chain.count == 4)
        try desk.pass(6_000)
        #expect(try suspected(&desk).isEmpty)
    }

    @Test("a node that comes back from silence is trusted, one that never fell silent is not")
    func comesBack() throws {
        var desk = try Desk(nodes: 6)
        #expect(try reportSilent(&desk, 0) == .ok)
        #expect(try reportSilent(&desk, 1) == .ok)
        try desk.pass(4_000, beating: [1, 2, 3, 4, 5])
        #expect(try suspected(&desk) == [0, 1])
        try desk.heartbeat(0)
        #expect(try suspected(&desk) == [1])
        try desk.register(1)
        #expect(try suspected(&desk) == [])
    }

    @Test("no stranger makes all nodes suspect, nor keeps others from being heard")
    func isBounded() throws {
        var desk = try Desk(nodes: 6)
        for node in 0..<6 { #expect(try reportSilent(&desk, node) == .ok) }
        #expect(try suspected(&desk).count == 2)
        #expect(try reportSilent(&desk, 0, from: 2) == .ok)
        for node in 1..<6 { #expect(try reportSilent(&desk, node) == .ok) }
        let left = try suspected(&desk)
        #expect(left.count == 2 && left.contains(0))
    }

    @Test func whatIsSaidMustMakeSense() throws {
        var desk = try Desk()
        var message = ControlReportBad()
        message.reason = .silent
        #expect(try desk.send(.reportBad(message)).code == .malformed)
        message.nodeID = Data(NodeID(high: 9, low: 9).bytes)
        #expect(try desk.send(.reportBad(message)).code == .notFound)
        message.reason = .UNRECOGNIZED(7)
        #expect(try desk.send(.reportBad(message)).code == .malformed)
    }
}
