import Control
import Foundation
import Testing
import Wire

/// A namenode that may have been started on an older copy of its namespace.
@Suite("An older namespace")
struct OlderNamespaceTests {
    private func sealed(
        _ block: UInt64, length: UInt64 = 10, incarnation: UInt32 = 0
    ) -> ControlBlockState {
        FakeNode.state(block, .sealed, length: length, incarnation: incarnation)
    }

    private func started(_ nodes: UInt64 = 3) throws -> Desk {
        var desk = try Desk(nodes: 0)
        _ = try desk.engine.start(at: Moment(now: desk.now))
        desk.nodes = (0..<nodes).map { FakeNode($0 + 1) }
        for index in desk.nodes.indices {
            try desk.register(index)
            try desk.heartbeat(index, complete: true)
        }
        return desk
    }

    @Test func noBlockIsGivenBeforeKNodesHaveNamedAllTheyHold() throws {
        var desk = try Desk(nodes: 0) { $0.minNodes = 3 }
        desk.nodes = (1...3).map { FakeNode($0) }
        for index in 0..<3 { try desk.register(index) }
        let lease = try desk.create("a").create.leaseID
        for index in 0..<3 {
            let reply = try desk.addBlock(lease)
            #expect(reply.code == .busy)
            #expect(reply.message.contains("\(index) of the 3"))
            try desk.heartbeat(index, [], complete: true)
        }
        #expect(try desk.addBlock(lease).code == .ok)
        // Once is enough: a node that registers anew holds nobody up.
        try desk.register(0)
        #expect(try desk.addBlock(lease).code == .ok)
    }

    @Test func aNumberThatANodeHoldsIsNotGivenAgain() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        try desk.heartbeat(0, [sealed(500), sealed(700, incarnation: 9), sealed(600)])
        #expect(try desk.addBlock(lease).addBlock.block == 701)
        let status = try desk.status()
        #expect(status.hasBehind)
        #expect(status.behind.block == 700)
        #expect(status.behind.ownBlock == 1)
        let errors = desk.notices.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(errors.first?.message.contains("older than its datanodes") == true)
        // The highest is what is kept.
        try desk.heartbeat(1, [sealed(702)])
        #expect(try desk.status().behind.block == 702)
        #expect(desk.engine.store.history.behind?.block == BlockID(702))
    }

    @Test func aNameWithoutAHeaderIsNoProof() throws {
        var desk = try Desk()
        var state = FakeNode.state(0xffff_ffff_ffff_ffff, .maybeLost)
        state.epoch = 0
        try desk.heartbeat(0, [state])
        let status = try desk.status()
        #expect(!status.hasBehind)
        #expect(status.strayBlocks == 1)
    }

    @Test func aFileThatIsAllNameGoesWhenItsNodeHadHeardOfItsMaker() throws {
        var desk = try started()
        let block = try #require(try desk.put("a", blocks: [10]).first).block
        let made = desk.engine.namenode.history.current.number
        func named(_ incarnation: UInt32) -> ControlBlockState {
            FakeNode.state(block, .maybeLost, epoch: 0, incarnation: incarnation)
        }
        _ = try desk.delete("a")
        try desk.heartbeat(0, [named(made)])
        try desk.heartbeat(1, [named(made ^ 1)])
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.incarnation) == [made])
        #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
        #expect(try desk.status().strayBlocks == 1)
        // A later start of the same namespace is heard of by whoever had heard of the one before.
        _ = try desk.restarted()
        for index in 0..<3 { try desk.register(index) }
        let later = desk.engine.namenode.history.current.number
        #expect(later != made)
        for index in 0..<3 {
            let heard = index == 0 ? made : index == 1 ? later : later ^ 1
            try desk.heartbeat(index, [named(heard)], complete: true)
        }
        try desk.pass(desk.engine.namenode.settings.honouredTokenMs)
        let commands = try (0..<3).map { try desk.heartbeat($0).heartbeat.commands }
        #expect(commands[0].map(\.incarnation) == [made])
        #expect(commands[1].map(\.incarnation) == [later])
        #expect(commands[2].isEmpty)
    }

    @Test func itDeletesNothing() throws {
        var desk = try Desk()
        let block = try #require(try desk.put("a", blocks: [10]).first).block
        for index in 0..<3 { try desk.heartbeat(index, [sealed(block)]) }
        _ = try desk.delete("a")
        #expect(try desk.heartbeat(0).heartbeat.commands.count == 1)
        try desk.heartbeat(2, [sealed(500)])
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
    }

    @Test func nothingIsDeletedBeforeKNodesHaveNamedAllTheyHold() throws {
        var desk = try Desk { $0.minNodes = 3 }
        let block = try #require(try desk.put("a", blocks: [10]).first).block
        _ = try desk.delete("a")
        try desk.restartNamenode()
        for index in 0..<3 { try desk.register(index) }
        for index in 0..<2 {
            let reply = try desk.heartbeat(index, [sealed(block)], complete: true)
            #expect(reply.heartbeat.commands.isEmpty)
            #expect(reply.heartbeat.commit == 0)
        }
        try desk.heartbeat(2, [], complete: true)
        let command = try #require(try desk.heartbeat(0).heartbeat.commands.first)
        #expect(command.length == 10)
        #expect(command.crc == UInt32(block * 7))
        #expect(command.sealed)
    }

    @Test func aCopyOfAnotherHistoryIsAStray() throws {
        var desk = try started()
        let block = try #require(try desk.put("a", blocks: [10]).first).block
        let own = desk.engine.namenode.history.current.number
        try desk.heartbeat(0, [sealed(block, incarnation: own ^ 1)])
        try desk.heartbeat(1, [sealed(block, incarnation: own)])
        #expect(try desk.open("a").open.blocks.first?.replicas.count == 2)
        #expect(try desk.status().strayBlocks == 1)
        #expect(try desk.status().corruptReplicas == 0)
        // It is not of the block that goes.
        _ = try desk.delete("a")
        try desk.pass(desk.engine.namenode.settings.honouredTokenMs)
        try desk.heartbeat(0, [sealed(block, incarnation: own ^ 1)])
        #expect(try desk.heartbeat(0).heartbeat.commands.isEmpty)
        let command = try #require(try desk.heartbeat(1).heartbeat.commands.first)
        #expect(command.incarnation == own)
        for index in [1, 2] { try desk.heartbeat(index, [FakeNode.state(block, .gone)]) }
        #expect(desk.engine.store.tally.doomedBlocks == 0)
        #expect(try desk.status().strayBlocks == 1)
    }

    @Test func aNodeKeepsWhatItHearsAndSaysItToTheNext() throws {
        var desk = try started()
        let reply = try desk.heartbeat(0).heartbeat
        #expect(reply.incarnation == desk.engine.namenode.history.current.number)
        #expect(reply.commit == desk.engine.store.commits)
        try desk.register(0) {
            $0.seenIncarnation = reply.incarnation
            $0.seenCommit = reply.commit
        }
        #expect(try !desk.status().hasBehind)
        try desk.register(0) {
            $0.seenIncarnation = reply.incarnation
            $0.seenCommit = reply.commit + 100
        }
        let status = try desk.status()
        #expect(status.behind.commit == reply.commit + 100)
        try desk.heartbeat(0, complete: true)
        // It has nothing to say to those who know better.
        #expect(try desk.heartbeat(1).heartbeat.incarnation == 0)
    }
}
