import Control
import Testing
import Wire

/// T1: the wall clock jumps by an hour either way, or by ten years. Leases, liveness, tokens and
/// deletions are timed on the monotonic clock and do not notice.
@Suite("T1: clock jumps")
struct ClockTests {
    @Test(
        arguments: [3_600_000, -3_600_000, 10 * 365 * 24 * 3_600_000, -10 * 365 * 24 * 3_600_000]
            as [Int64])
    func leasesAndLivenessDoNotNotice(jump: Int64) throws {
        var desk = try Desk()
        try desk.put("old")
        let lease = try desk.create("a").create.leaseID
        try desk.pass(30_000)
        desk.wallClockError = jump
        try desk.pass(29_000)
        #expect(try desk.create("a", client: 2).code == .leased)
        #expect(try desk.status().live == 3)
        #expect(try desk.open("old").open.blocks[0].replicas.count == 3)
        let plan = try desk.addBlock(lease).addBlock
        desk.wallClockError = 0
        #expect(try desk.close(lease, [desk.receipt(plan, length: 5)]).code == .ok)
        let other = try desk.create("b").create.leaseID
        desk.wallClockError = -jump
        try desk.pass(61_000)
        #expect(try desk.addBlock(other).code == .leaseExpired)
    }

    @Test func aDeletedBlockStaysForItsGraceAndNoLonger() throws {
        var desk = try Desk { $0.deleteGraceMs = 3_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        for index in 0..<3 {
            try desk.heartbeat(index, [FakeNode.state(plan.block, .sealed, length: 10)])
        }
        #expect(try desk.delete("a").code == .ok)
        desk.wallClockError = 3_600_000
        desk.now += 2_900
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        desk.now += 200
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
    }
}
