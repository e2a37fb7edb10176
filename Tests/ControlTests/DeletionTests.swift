import Control
import Foundation
import Testing
import Wire

@Suite("Blocks stay until the last token to read them has ended")
struct DeletionTests {
    private static let grace: Int64 = 1_000
    private static let token: Int64 = 10_000

    private func desk(values: Int = 100) throws -> Desk {
        try Desk(nodes: 3) {
            $0.deleteGraceMs = Self.grace
            $0.tokenMs = Self.token
            $0.bounds.openedValues = values
        }
    }

    /// Puts a key of one block that all nodes have reported.
    private func put(_ desk: inout Desk, _ key: String, overwrite: Bool = false) throws -> UInt64 {
        let plan = try #require(try desk.put(key, blocks: [10], overwrite: overwrite).first)
        let report = FakeNode.state(
            plan.block, .sealed, length: 10,
            incarnation: desk.engine.namenode.history.current.number)
        for node in desk.nodes.indices { try desk.heartbeat(node, [report]) }
        return plan.block
    }

    /// Whether a node is told to delete the block.
    private func isDeleted(_ desk: inout Desk, _ block: UInt64) throws -> Bool {
        try desk.heartbeat(0).heartbeat.commands.contains { $0.block == block }
    }

    @Test func aLongValueGoesInSlices() throws {
        var desk = try Desk { $0.bounds.droppedBlocks = 4 }
        let lengths = [UInt64](repeating: 10, count: 10)
        try desk.put("long", blocks: lengths)
        #expect(try desk.delete("long").code == .ok)
        #expect(try desk.open("long").code == .notFound)
        #expect(desk.engine.store.tally.doomedBlocks == 4)
        #expect(try desk.status().leases == 0, "nobody writes it")
        try desk.tick()
        #expect(desk.engine.store.tally.doomedBlocks == 8)
        // Another process goes on with it.
        _ = try desk.restarted()
        try desk.cameBack()
        try desk.tick()
        #expect(desk.engine.store.tally.doomedBlocks == 10)
        #expect(desk.engine.store.tally.leases == 0)
        #expect(desk.engine.store.tally.blocks == 0)
        // So does an open one, and its key is free at once.
        let lease = try desk.create("open").create.leaseID
        for _ in 0..<6 { #expect(try desk.addBlock(lease).code == .ok) }
        var abandon = ControlAbandon()
        abandon.leaseID = lease
        #expect(try desk.send(.abandon(abandon)).code == .ok)
        #expect(desk.engine.store.tally.doomedBlocks == 14)
        #expect(try desk.create("open", client: 2).code == .ok)
        try desk.tick()
        #expect(desk.engine.store.tally.doomedBlocks == 16)
        #expect(desk.engine.store.tally.leases == 1)
    }

    @Test func valuesThatGoTakeNoPlaceFromWritersButTheirOwn() throws {
        var desk = try Desk {
            $0.bounds.droppedBlocks = 4
            $0.bounds.leases = 4
            $0.bounds.openBlocksPerAddress = 8
        }
        var abandon = ControlAbandon()
        for number in 0..<4 {
            abandon.leaseID = try desk.create("open \(number)").create.leaseID
            for _ in 0..<5 { #expect(try desk.addBlock(abandon.leaseID).code == .ok) }
            #expect(try desk.send(.abandon(abandon)).code == .ok)
        }
        #expect(desk.engine.store.tally.leases == 4)
        let next = try desk.create("next")
        #expect(next.code == .ok, "no lease that somebody holds is left")
        let lease = next.create.leaseID
        for _ in 0..<4 { #expect(try desk.addBlock(lease).code == .ok) }
        #expect(try desk.addBlock(lease).code == .busy, "what is left counts until it is gone")
        try desk.tick()
        #expect(desk.engine.store.tally.leases == 2, "one tick ends several values")
        #expect(try desk.addBlock(lease).code == .ok)
    }

    @Test func whatNobodyOpenedGoesAfterItsGrace() throws {
        var desk = try desk()
        let block = try put(&desk, "a")
        #expect(try desk.delete("a").code == .ok)
        #expect(try !isDeleted(&desk, block))
        try desk.pass(Self.grace)
        #expect(try isDeleted(&desk, block))
    }

    @Test func whatWasOpenedStaysAsLongAsItsToken() throws {
        var desk = try desk()
        let block = try put(&desk, "a")
        try desk.pass(5_000)
        #expect(try desk.open("a").code == .ok)
        try desk.pass(2_000)
        _ = try put(&desk, "a", overwrite: true)
        try desk.pass(Self.token - 2_500)
        #expect(try !isDeleted(&desk, block))
        // Nodes honour a token for a grace of their own.
        try desk.pass(500 + TokenCheck.graceMilliseconds)
        #expect(try isDeleted(&desk, block))
    }

    @Test func aTokenThatHasEndedHoldsNothing() throws {
        var desk = try desk()
        let block = try put(&desk, "a")
        #expect(try desk.open("a").code == .ok)
        try desk.pass(2 * Self.token)
        #expect(try desk.delete("a").code == .ok)
        try desk.pass(Self.grace)
        #expect(try isDeleted(&desk, block))
    }

    @Test func whatIsNotRememberedCountsAsOpened() throws {
        var desk = try desk(values: 2)
        let block = try put(&desk, "a")
        for number in 0..<5 { _ = try put(&desk, "k\(number)") }
        #expect(try desk.open("a").code == .ok)
        // Two generations of two: the first value is forgotten.
        for number in 0..<5 { #expect(try desk.open("k\(number)").code == .ok) }
        #expect(try desk.delete("a").code == .ok)
        try desk.pass(Self.token)
        #expect(try !isDeleted(&desk, block))
        try desk.pass(TokenCheck.graceMilliseconds)
        #expect(try isDeleted(&desk, block))
    }

    @Test func aNodeThatReportsLateWaitsToo() throws {
        var desk = try desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        #expect(try desk.open("a").code == .ok)
        #expect(try desk.delete("a").code == .ok)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .sealed, length: 10)])
        try desk.pass(Self.token)
        #expect(try !isDeleted(&desk, plan.block))
        try desk.pass(TokenCheck.graceMilliseconds)
        #expect(try isDeleted(&desk, plan.block))
    }

    @Test func tokensOfAnEarlierProcessCountAsGivenUntilItsEnd() throws {
        var desk = try desk()
        _ = try desk.engine.start(at: Moment(now: desk.now))
        let block = try put(&desk, "a")
        _ = try desk.engine.start(at: Moment(now: desk.now))
        #expect(try desk.delete("a").code == .ok)
        try desk.pass(Self.token)
        #expect(try !isDeleted(&desk, block))
        try desk.pass(TokenCheck.graceMilliseconds)
        #expect(try isDeleted(&desk, block))
    }
}
