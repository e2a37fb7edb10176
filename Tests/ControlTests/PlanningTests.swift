import Control
import Foundation
import Testing
import Wire

@Suite("Blocks planned ahead")
struct PlanningTests {
    private static let block = UInt64(128 << 20)

    private func numbers(_ plan: ControlBlockPlan) -> [UInt64] {
        [plan.block] + plan.more.map(\.block)
    }

    /// Begins a value of so many full blocks and asks for all of them.
    private func plan(
        _ count: Int, _ desk: inout Desk
    ) throws -> (lease: Data, reply: ControlReply) {
        let lease = try desk.create("a").create.leaseID
        let reply = try desk.addBlock(lease) {
            $0.sizeHint = UInt64(count) * Self.block
            $0.count = UInt32(count)
        }
        return (lease, reply)
    }

    @Test(
        "one ADDBLOCK plans what the value needs, up to a bound",
        arguments: [
            (0, 8, 1), (1, 8, 1), (block, 8, 1), (block + 1, 8, 2), (8 * block, 8, 8),
            (8 * block, 3, 3), (8 * block, 0, 1), (100 * block, 100, 16),
            (UInt64.max, UInt32.max, 16),
        ] as [(UInt64, UInt32, Int)])
    func count(bytes: UInt64, asked: UInt32, given: Int) throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let reply = try desk.addBlock(lease) {
            $0.sizeHint = bytes
            $0.count = asked
        }
        #expect(reply.code == .ok)
        #expect(Set(numbers(reply.addBlock)).count == given)
        let next = try desk.addBlock(lease).addBlock.block
        #expect(next == (numbers(reply.addBlock).max() ?? 0) + 1)
    }

    @Test func theWriterSaysHowLongItsBlocksAre() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let reply = try desk.addBlock(lease) {
            $0.sizeHint = 300 << 10
            $0.count = 16
            $0.blockBytes = 100 << 10
        }
        let plans = [reply.addBlock] + reply.addBlock.more
        #expect(plans.map(\.maxLength) == [100 << 10, 100 << 10, 100 << 10])
        let tooShort = try desk.addBlock(lease) { $0.blockBytes = 1 }
        #expect(tooShort.code == .malformed)
        let tooLong = try desk.addBlock(lease) { $0.blockBytes = 1 << 40 }
        #expect(tooLong.addBlock.maxLength == desk.engine.namenode.settings.mostBlockBytes)
    }

    @Test func eachHasItsOwnTokenAndItsPlaceInTheValue() throws {
        var desk = try Desk()
        let (lease, reply) = try plan(3, &desk)
        let first = reply.addBlock
        #expect(Set(([first] + first.more).map(\.token)).count == 3)
        let receipts = try ([first] + first.more).map { try desk.receipt($0, length: 7) }
        #expect(try desk.close(lease, receipts).code == .ok)
        #expect(try desk.open("a").open.length == 21)
    }

    @Test func whatWasPlannedAndNotWrittenIsDropped() throws {
        var desk = try Desk()
        let (lease, reply) = try plan(4, &desk)
        let first = reply.addBlock
        let receipt = try desk.receipt(first, length: 7)
        #expect(try desk.close(lease, [receipt]).code == .ok)
        #expect(try desk.open("a").open.blocks.map(\.block) == [first.block])
    }

    @Test func aRetryGetsTheSameBlocks() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let edit: (inout ControlAddBlock) -> Void = {
            $0.sizeHint = 4 * Self.block
            $0.count = 4
        }
        let first = try desk.addBlock(lease, id: 77, edit)
        #expect(try desk.addBlock(lease, id: 77, edit) == first)
    }

    @Test func roomThatIsPromisedIsNotPromisedAgain() throws {
        var desk = try Desk()
        for index in desk.nodes.indices {
            desk.nodes[index].free = 2 * Self.block
            try desk.heartbeat(index)
        }
        let (_, reply) = try plan(16, &desk)
        #expect(numbers(reply.addBlock).count == 2)
    }

    @Test func oneRequestDoesNotPassTheBoundOfOpenBlocks() throws {
        var desk = try Desk { $0.bounds.openBlocks = 8 }
        let (lease, reply) = try plan(16, &desk)
        #expect(numbers(reply.addBlock).count == 4)
        #expect(try desk.addBlock(lease).code == .busy)
    }

    @Test func theOpenLengthEndsAtTheFirstBlockThatIsNotWhole() throws {
        var desk = try Desk()
        let (_, reply) = try plan(2, &desk)
        let first = reply.addBlock
        for index in desk.nodes.indices {
            try desk.heartbeat(
                index,
                [
                    FakeNode.state(first.block, .open, length: 10),
                    FakeNode.state(first.more[0].block, .open, length: 1_000),
                ])
        }
        #expect(try desk.info("a").info.openLength == 10)
        for index in desk.nodes.indices {
            try desk.heartbeat(index, [FakeNode.state(first.block, .sealed, length: 20)])
        }
        #expect(try desk.info("a").info.openLength == 1_020)
    }
}
