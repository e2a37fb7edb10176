import Control
import Foundation
import Testing
import Wire

/// Row M5: what nodes say of their blocks does not fit what the namespace has; and what readers and
/// operators say.
@Suite("Corrupt, stray and stale replicas")
struct CorruptReplicaTests {
    private func fsck(
        _ desk: inout Desk, _ prefix: String = "", _ edit: (inout ControlFsck) -> Void = { _ in }
    ) throws -> ControlFsckReply {
        var message = ControlFsck()
        message.prefix = prefix
        message.locations = true
        edit(&message)
        let reply = try desk.send(.fsck(message))
        #expect(reply.code == .ok, "\(reply.message)")
        return reply.fsck
    }

    private func states(_ reply: ControlFsckReply) throws -> [ControlFsckReplica.State] {
        try #require(reply.keys.first?.detail.first).replicas.map(\.state)
    }

    /// Which node of the desk has this place in the block's chain.
    private func index(_ desk: Desk, _ plan: ControlBlockPlan, _ place: Int) throws -> Int {
        try #require(desk.nodes.firstIndex { Data($0.id.bytes) == plan.chain[place].nodeID })
    }

    @Test func m5ACorruptCopyIsNotLiveNotReadAndShown() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        for node in 0..<3 {
            try desk.heartbeat(node, [FakeNode.state(plan.block, .sealed, length: 10)])
        }
        let bad = try index(desk, plan, 1)
        try desk.heartbeat(bad, [FakeNode.state(plan.block, .corrupt, length: 10)])
        let readers = try #require(try desk.open("a").open.blocks.first).replicas.map(\.nodeID)
        #expect(readers.count == 2 && !readers.contains(Data(desk.nodes[bad].id.bytes)))
        let status = try desk.status()
        #expect(status.underReplicatedBlocks == 1 && status.corruptReplicas == 1)
        let reply = try fsck(&desk)
        #expect(try states(reply) == [.live, .corrupt, .live])
        let key = try #require(reply.keys.first)
        #expect(key.underReplicated == 1 && key.corrupt == 0 && key.corruptReplicas == 1)
        for node in 0..<3 where node != bad {
            try desk.heartbeat(node, [FakeNode.state(plan.block, .corrupt, length: 10)])
        }
        #expect(try #require(try fsck(&desk).keys.first).corrupt == 1)
        #expect(try desk.status().missingBlocks == 1)
        #expect(try desk.open("a").open.blocks.first?.replicas.isEmpty == true)
    }

    @Test func m5ACorruptCopyIsDeletedWithItsBlock() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .corrupt, length: 10)])
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        #expect(try desk.delete("a").code == .ok)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
        #expect(try desk.status().corruptReplicas == 0)
    }

    @Test func m5ANodeThatRegistersAnewSaysItAgain() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .corrupt, length: 10)])
        try desk.register(0)
        #expect(try desk.status().corruptReplicas == 0)
        try desk.heartbeat(
            0, [FakeNode.state(plan.block, .corrupt, length: 10)], complete: true)
        #expect(try desk.status().corruptReplicas == 1)
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 2)
    }

    @Test(
        "M5: another length, checksum or epoch is not a copy",
        arguments: [
            FakeNode.state(1, .sealed, length: 9), FakeNode.state(1, .sealed, length: 11),
            FakeNode.state(1, .sealed, length: 10, epoch: 2),
            {
                var state = FakeNode.state(1, .sealed, length: 10)
                state.crc ^= 1
                return state
            }(),
        ])
    func m5OtherCopies(report: ControlBlockState) throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        #expect(plan.block == 1)
        for node in 0..<3 {
            try desk.heartbeat(node, [FakeNode.state(plan.block, .sealed, length: 10)])
        }
        let bad = try index(desk, plan, 0)
        try desk.heartbeat(bad, [report])
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 2)
        #expect(try states(try fsck(&desk)) == [.corrupt, .live, .live])
        #expect(desk.engine.namenode.nodes[desk.nodes[bad].id]?.mismatches == 1)
        // What the node says next is the truth about it.
        try desk.heartbeat(bad, [FakeNode.state(plan.block, .sealed, length: 10)])
        #expect(try states(try fsck(&desk)) == [.live, .live, .live])
    }

    @Test(arguments: [ControlBlockState.State.sealed, .corrupt])
    func aCopyOfAnEpochThatIsOverIsStaleAndNotCorrupt(state: ControlBlockState.State) throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        for node in 0..<3 {
            try desk.heartbeat(node, [FakeNode.state(plan.block, .sealed, length: 10)])
        }
        // It goes on under another epoch, as when a chain is made anew.
        var record = try #require(desk.engine.store.block(BlockID(plan.block)))
        record.epoch = Epoch(2)
        try desk.edit([.putBlock(record)])
        let late = try index(desk, plan, 1)
        for node in 0..<3 {
            let said: ControlBlockState.State = node == late ? state : .sealed
            let epoch: UInt64 = node == late ? 1 : 2
            try desk.heartbeat(
                node, [FakeNode.state(plan.block, said, length: 10, epoch: epoch)])
        }
        #expect(try states(try fsck(&desk)) == [.live, .stale, .live])
        let key = try #require(try fsck(&desk).keys.first)
        #expect(key.staleReplicas == 1 && key.corruptReplicas == 0 && key.underReplicated == 1)
        #expect(try desk.status().corruptReplicas == 0)
        #expect(!desk.notices.contains { $0.level == .error }, "nobody is called for it")
        #expect(desk.engine.namenode.nodes[desk.nodes[late].id]?.mismatches == 0)
        let readers = try #require(try desk.open("a").open.blocks.first).replicas.map(\.nodeID)
        #expect(!readers.contains(Data(desk.nodes[late].id.bytes)))
        // It goes with the block, and not before.
        #expect(try desk.heartbeat(late).heartbeat.commands.isEmpty)
        #expect(try desk.delete("a").code == .ok)
        try desk.pass(desk.engine.namenode.settings.honouredTokenMs)
        #expect(try desk.heartbeat(late).heartbeat.commands.map(\.block) == [plan.block])
    }

    @Test func whatIsGoneIsNotAskedForAgain() throws {
        var desk = try Desk { $0.strayDelayMs = 0 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        let record = try #require(desk.engine.store.block(BlockID(plan.block)))
        #expect(try desk.delete("a").code == .ok)
        for node in 0..<3 { try desk.heartbeat(node, [FakeNode.state(plan.block, .gone)]) }
        try desk.heartbeat(0, [FakeNode.state(plan.block, .sealed, length: 10)])
        var message = ControlStrays()
        message.delete = true
        #expect(try desk.send(.strays(message)).strays.deleting == 1)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
        // The namespace knows it after all when the answer comes.
        try desk.edit([.putBlock(record)])
        try desk.heartbeat(0, [FakeNode.state(plan.block, .gone)])
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
    }

    @Test func m5AMissingBlockIsMissedWhenTheReportIsComplete() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        let gone = try index(desk, plan, 2)
        try desk.register(gone)
        try desk.tick()
        #expect(try states(try fsck(&desk)) == [.live, .live, .unreported])
        #expect(try fsck(&desk).reportsIncomplete == 1)
        try desk.heartbeat(gone, complete: true)
        #expect(try states(try fsck(&desk)) == [.live, .live, .missing])
        try desk.pass(11_000, beating: (0..<3).filter { $0 != gone })
        #expect(try states(try fsck(&desk)) == [.live, .live, .dead])
        #expect(try fsck(&desk).dead == 1)
    }

    @Test func aReadersWordCondemnsNothingAndHasTheNodeLook() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        var message = ControlReportBad()
        message.block = plan.block
        message.epoch = plan.epoch
        message.nodeID = Data(desk.nodes[0].id.bytes)
        for _ in 0..<3 { #expect(try desk.send(.reportBad(message)).code == .ok) }
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 3)
        let commands = try desk.heartbeat(0).heartbeat.commands
        #expect(commands.map(\.kind) == [.scrub] && commands.map(\.block) == [plan.block])
        // The answer was lost, and the heartbeat comes again.
        #expect(try desk.beat(0).heartbeat.commands == commands)
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
        message.block = 4_711
        #expect(try desk.send(.reportBad(message)).code == .notFound)
        message.block = plan.block
        message.nodeID = Data([1])
        #expect(try desk.send(.reportBad(message)).code == .malformed)
    }

    @Test func anOperatorAsksForOneBlockOrForAll() throws {
        var desk = try Desk(nodes: 4) { $0.bounds.scrubsPerNode = 1 }
        let plans = try desk.put("a", blocks: [10, 10])
        var message = ControlScrub()
        #expect(try desk.send(.scrub(message)).scrub.nodes.count == 4)
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        message.start = true
        #expect(try desk.send(.scrub(message)).scrub.asked == 4)
        for node in 0..<4 {
            #expect(try desk.heartbeat(node).heartbeat.commands.map(\.block) == [0])
            #expect(try desk.heartbeat(node).heartbeat.commands.isEmpty)
        }
        message.block = plans[0].block
        #expect(try desk.send(.scrub(message)).scrub.asked == 3)
        message.nodeID = plans[0].chain[0].nodeID
        let reply = try desk.send(.scrub(message)).scrub
        #expect(reply.asked == 1 && reply.nodes.map(\.waiting) == [1])
        message.block = 4_711
        #expect(try desk.send(.scrub(message)).code == .notFound)
    }

    // MARK: Strays

    private func strays(_ desk: inout Desk, delete: Bool) throws -> ControlStraysReply {
        var message = ControlStrays()
        message.delete = delete
        return try desk.send(.strays(message)).strays
    }

    @Test func aStrayIsDeletedOnTheOperatorsWordAfterTheDelayAlone() throws {
        var desk = try Desk { $0.strayDelayMs = 5_000 }
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        _ = try desk.delete("a")
        // The namespace forgets the block; then a node that was away comes with it.
        for node in 0..<3 {
            try desk.heartbeat(node, [FakeNode.state(plan.block, .gone)])
        }
        #expect(desk.engine.store.tally.doomedBlocks == 0)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .sealed, length: 10)])
        try desk.heartbeat(1, [FakeNode.state(4_711, .maybeLost, epoch: 0)])
        var reply = try strays(&desk, delete: true)
        #expect(reply.total == 2 && reply.deleting == 0 && reply.kept == 2)
        try desk.pass(6_000)
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        reply = try strays(&desk, delete: false)
        #expect(reply.strays.map(\.block) == [plan.block, 4_711])
        // A number this namespace never gave may be somebody's only copy.
        #expect(reply.strays.map(\.foreign) == [false, true])
        reply = try strays(&desk, delete: true)
        #expect(reply.deleting == 1 && reply.kept == 1)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
        #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
        try desk.heartbeat(0, [FakeNode.state(plan.block, .gone)])
        #expect(try strays(&desk, delete: false).total == 1)
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
    }

    @Test func straysBeyondTheBoundAreCounted() throws {
        var desk = try Desk { $0.bounds.straysPerNode = 2 }
        for block in 1...5 {
            try desk.heartbeat(0, [FakeNode.state(UInt64(block), .sealed, length: 10)])
        }
        let reply = try strays(&desk, delete: false)
        #expect(reply.total == 5 && reply.strays.count == 2)
        #expect(try desk.status().strayBlocks == 5)
    }

    // MARK: Fsck's pages

    @Test func fsckWalksEveryKeyAndBlockOnce() throws {
        var desk = try Desk { settings in
            settings.bounds.fsckBlocks = 4
            settings.bounds.fsckKeys = 3
        }
        for key in ["a/1", "a/2", "b/1", "b/2", "b/3"] { try desk.put(key, blocks: [10]) }
        try desk.put("b/4", blocks: Array(repeating: 10, count: 11))
        let other = try desk.create("b/5")
        #expect(other.code == .ok)
        var blocks: [String: Int] = [:]
        var offsets: Set<UInt64> = []
        var next = ("", UInt64(0))
        for _ in 0..<20 {
            let reply = try fsck(&desk, "b/") {
                $0.startAfter = next.0
                $0.startOffset = next.1
            }
            for key in reply.keys {
                blocks[key.key, default: 0] += key.detail.count
                #expect(key.detail.count == Int(key.blocks))
                if key.key == "b/4" { offsets.formUnion(key.detail.map(\.offset)) }
            }
            guard reply.more else { break }
            next = (reply.next, reply.nextOffset)
        }
        #expect(blocks == ["b/1": 1, "b/2": 1, "b/3": 1, "b/4": 11])
        #expect(offsets.count == 11)
    }

    @Test func closeSaysWhichBlockIsLateOnWhichNode() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease).addBlock
        let receipt = try desk.receipt(plan, length: 10, level: .written)
        let before = try desk.close(lease, [receipt])
        #expect(before.code == .notDurable && before.late.block == plan.block)
        #expect(before.late.level == .written && before.late.position == 0)
        for place in [0, 2] {
            try desk.heartbeat(
                try index(desk, plan, place), [FakeNode.state(plan.block, .sealed, length: 10)])
        }
        let late = try desk.close(lease, [receipt])
        #expect(late.code == .notDurable && late.late.position == 2)
        #expect(late.late.node.nodeID == plan.chain[1].nodeID)
        #expect(late.message.contains("node 2 of 3"))
        #expect(try desk.close(lease, [receipt], .written).code == .ok)
    }
}
