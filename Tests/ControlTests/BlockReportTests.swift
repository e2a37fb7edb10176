import Control
import Foundation
import Testing
import Wire

@Suite("Block reports and deletion")
struct BlockReportTests {
    private func sealed(_ plan: ControlBlockPlan, length: UInt64 = 10) -> ControlBlockState {
        FakeNode.state(plan.block, .sealed, length: length)
    }

    @Test func aReceiptVouchesBeforeTheNodesReport() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        let block = try #require(try desk.open("a").open.blocks.first)
        #expect(Set(block.replicas.map(\.nodeID)) == Set(plan.chain.map(\.nodeID)))
        let status = try desk.status()
        #expect(status.missingBlocks == 0)
        #expect(status.underReplicatedBlocks == 0)
    }

    @Test func aLateOpenReportDoesNotUndoTheSeal() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .open, length: 4)])
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 3)
    }

    @Test(
        "a copy that is not what was sealed does not count",
        arguments: [
            FakeNode.state(1, .lost), FakeNode.state(1, .maybeLost), FakeNode.state(1, .gone),
            FakeNode.state(1, .sealed, length: 9),
        ])
    func badCopies(report: ControlBlockState) throws {
        var desk = try Desk()
        try desk.put("a", blocks: [10])
        try desk.heartbeat(0, [report])
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 2)
        #expect(try desk.status().underReplicatedBlocks == 1)
        try desk.heartbeat(1, [FakeNode.state(1, .lost)])
        try desk.heartbeat(2, [FakeNode.state(1, .lost)])
        #expect(try desk.status().missingBlocks == 1)
        try desk.heartbeat(2, [FakeNode.state(1, .sealed, length: 10)])
        let status = try desk.status()
        #expect(status.missingBlocks == 0)
        #expect(status.underReplicatedBlocks == 1)
    }

    /// Sealed and acked, then lost before CLOSE: a long put may take minutes between the two.
    @Test(
        "a receipt does not speak for a node that lost the block before CLOSE",
        arguments: [ControlBlockState.State.lost, .maybeLost, .gone])
    func lostBeforeClose(state: ControlBlockState.State) throws {
        for epoch in [0, 1] as [UInt64] {
            var desk = try Desk()
            let lease = try desk.create("a").create.leaseID
            let plan = try desk.addBlock(lease).addBlock
            for index in 0..<3 {
                try desk.heartbeat(index, [FakeNode.state(plan.block, .sealed, length: 10)])
            }
            try desk.heartbeat(1, [FakeNode.state(plan.block, state, epoch: epoch)])
            #expect(try desk.close(lease, [desk.receipt(plan, length: 10)]).code == .ok)
            #expect(try desk.open("a").open.blocks.first?.replicas.count == 2)
            #expect(try desk.status().underReplicatedBlocks == 1)
            try desk.heartbeat(1, [FakeNode.state(plan.block, .sealed, length: 10)])
            #expect(try desk.status().underReplicatedBlocks == 0)
        }
    }

    /// A node that restarted under a block that is still written says how much of it is durable.
    @Test func aDurablePrefixOfAnOpenBlockIsHeld() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease).addBlock
        for index in 0..<3 {
            try desk.heartbeat(index, [FakeNode.state(plan.block, .open, length: 90)])
        }
        try desk.heartbeat(0, [FakeNode.state(plan.block, .maybeLost, length: 70)])
        #expect(try desk.info("a").info.openLength == 70)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .maybeLost)])
        #expect(try desk.info("a").info.openLength == 0)
    }

    @Test func onlyNodesThatReportedItAreToldUntilTheySayItIsGone() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.heartbeat(0, [sealed(plan)])
        #expect(try desk.delete("a").code == .ok)
        for _ in 0..<3 {
            let commands = try desk.heartbeat(0).heartbeat.commands
            #expect(commands.map(\.block) == [plan.block])
            #expect(commands.map(\.kind) == [.delete])
            #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
        }
        #expect(try desk.heartbeat(1, [sealed(plan)]).heartbeat.commands.count == 1)
        for index in 0..<3 {
            try desk.heartbeat(index, [FakeNode.state(plan.block, .gone)])
            #expect(try desk.heartbeat(index).heartbeat.commands.isEmpty)
        }
        #expect(desk.engine.store.tally.doomedBlocks == 0)
    }

    @Test func aNodeThatDoesNotNameItIsAskedWhenItsTokensAreOver() throws {
        var desk = try Desk { $0.keyRotationMs = 1_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.heartbeat(0, [sealed(plan)])
        _ = try desk.delete("a")
        try desk.register(0)
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        try desk.pass(20_000)
        // It has yet to name all it has.
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        #expect(try desk.heartbeat(0, complete: true).heartbeat.commands.isEmpty)
        try desk.tick()
        for index in 0..<3 {
            #expect(try desk.heartbeat(index).heartbeat.commands.map(\.block) == [plan.block])
            #expect(desk.engine.store.tally.doomedBlocks == 1)
            try desk.heartbeat(index, [FakeNode.state(plan.block, .gone)])
        }
        #expect(desk.engine.store.tally.doomedBlocks == 0)
    }

    /// So that what is deleted meanwhile does not wait behind them.
    @Test func fewNodesAreAskedForWhatTheyDidNotNameAtOnce() throws {
        var desk = try Desk {
            $0.keyRotationMs = 1_000
            $0.bounds.commandsPerHeartbeat = 2
        }
        let plans = try desk.put("a", blocks: [10, 10, 10, 10, 10])
        _ = try desk.delete("a")
        for index in 0..<3 { try desk.heartbeat(index, complete: true) }
        try desk.pass(20_000)
        var gone: Set<UInt64> = []
        for _ in 0..<3 {
            #expect(desk.engine.namenode.nodes[desk.nodes[0].id]?.doomed.count ?? 9 <= 2)
            let asked = try desk.heartbeat(0).heartbeat.commands.map(\.block)
            #expect(!asked.isEmpty && asked.count <= 2)
            gone.formUnion(asked)
            try desk.heartbeat(0, asked.map { FakeNode.state($0, .gone) })
            for _ in 0..<3 { try desk.tick() }
        }
        #expect(gone == Set(plans.map(\.block)))
    }

    /// Its file may lie there, and would be a stray when the namespace had forgotten the block.
    @Test("a copy that was lost when its key went is deleted all the same")
    func lostThenDeleted() throws {
        var desk = try Desk { $0.keyRotationMs = 1_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        for index in 0..<3 { try desk.heartbeat(index, [sealed(plan)]) }
        try desk.heartbeat(0, [FakeNode.state(plan.block, .lost)])
        _ = try desk.delete("a")
        for index in 1...2 { try desk.heartbeat(index, [FakeNode.state(plan.block, .gone)]) }
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        try desk.pass(20_000)
        #expect(desk.engine.store.tally.doomedBlocks == 1)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
        try desk.heartbeat(0, [FakeNode.state(plan.block, .gone)])
        #expect(desk.engine.store.tally.doomedBlocks == 0)
    }

    /// It has a file, so it is no other copy than those that are whole.
    @Test func aDamagedCopyIsDeletedWithItsKey() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        for index in 0..<3 { try desk.heartbeat(index, [sealed(plan)]) }
        try desk.heartbeat(0, [FakeNode.state(plan.block, .maybeLost)])
        _ = try desk.delete("a")
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
    }

    @Test func aDeadNodeThatComesBackIsStillTold() throws {
        var desk = try Desk { $0.keyRotationMs = 1_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.pass(10_000, beating: [1, 2])
        _ = try desk.delete("a")
        try desk.pass(60_000, beating: [1, 2])
        try desk.register(0)
        let commands = try desk.heartbeat(0, [sealed(plan)]).heartbeat.commands
        #expect(commands.map(\.block) == [plan.block])
    }

    @Test func strayBlocksAreCountedAndNeverDeleted() throws {
        var desk = try Desk()
        let reply = try desk.heartbeat(0, [FakeNode.state(4_711, .sealed, length: 10)])
        #expect(reply.heartbeat.commands.isEmpty)
        #expect(desk.engine.namenode.nodes[desk.nodes[0].id]?.strays.count == 1)
    }

    @Test func commandsAreBoundedAndTakeTurns() throws {
        var desk = try Desk { $0.bounds.commandsPerHeartbeat = 2 }
        let plans = try desk.put("a", blocks: [10, 10, 10])
        try desk.heartbeat(0, plans.map { sealed($0) })
        _ = try desk.delete("a")
        var seen: [UInt64] = []
        for _ in 0..<3 {
            let commands = try desk.heartbeat(0).heartbeat.commands
            #expect(commands.count == 2)
            seen += commands.map(\.block)
        }
        let numbers = plans.map(\.block)
        #expect(seen == numbers + numbers)
    }

    @Test func aRestartedNodeIsReadFromWhileItReports() throws {
        var desk = try Desk()
        let plans = try desk.put("a", blocks: [10, 10])
        for index in 0..<3 { try desk.heartbeat(index, plans.map { sealed($0) }) }
        desk.nodes[0].incarnation = IncarnationID(high: 8, low: 8)
        try desk.register(0)
        #expect(try desk.open("a").open.blocks.map(\.replicas.count) == [3, 3])
        try desk.heartbeat(0, [sealed(plans[0])], complete: true)
        try desk.tick()
        #expect(try desk.open("a").open.blocks.map(\.replicas.count) == [3, 2])
        #expect(try desk.status().underReplicatedBlocks == 1)
    }

    @Test func aDeadNodesReplicasAreForgottenBitByBit() throws {
        var desk = try Desk { $0.bounds.drainedReplicas = 1 }
        try desk.put("a", blocks: [10, 10, 10])
        try desk.pass(10_000, beating: [0, 1])
        #expect(try desk.status().underReplicatedBlocks == 1)
        try desk.pass(1_000, beating: [0, 1])
        #expect(try desk.status().underReplicatedBlocks == 3)
    }
}
