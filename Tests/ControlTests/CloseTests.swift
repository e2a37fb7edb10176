import Control
import Foundation
import Testing
import Wire

@Suite("CLOSE and what it shows")
struct CloseTests {
    private func begin(_ desk: inout Desk, _ key: String = "a") throws -> (Data, ControlBlockPlan) {
        let lease = try desk.create(key, overwrite: true).create.leaseID
        return (lease, try desk.addBlock(lease).addBlock)
    }

    @Test func theListsOrderIsTheValuesOrder() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let plans = try (0..<3).map { _ in try desk.addBlock(lease).addBlock }
        let order = [plans[2], plans[0], plans[1]]
        let receipts = try zip(order, [10, 20, 30]).map { try desk.receipt($0, length: $1) }
        #expect(try desk.close(lease, receipts).code == .ok)
        let open = try desk.open("a").open
        #expect(open.length == 60)
        #expect(open.blocks.map(\.block) == order.map(\.block))
        #expect(open.blocks.map(\.offset) == [0, 10, 30])
        #expect(open.blocks.map(\.length) == [10, 20, 30])
    }

    @Test func aForgedReceiptIsRefused() throws {
        var desk = try Desk()
        let (lease, plan) = try begin(&desk)
        let good = try desk.receipt(plan, length: 10)
        var forged = good
        forged.length = 11
        #expect(try desk.close(lease, [forged]).code == .blockMismatch)
        forged = good
        forged.level = .received
        #expect(try desk.close(lease, [forged]).code == .blockMismatch)
        forged = good
        forged.signature[0] ^= 1
        #expect(try desk.close(lease, [forged]).code == .blockMismatch)
        forged = good
        forged.keyID ^= 1
        #expect(try desk.close(lease, [forged]).code == .blockMismatch)
        #expect(try desk.info("a").info.exists == false)
        #expect(try desk.close(lease, [good]).code == .ok)
    }

    @Test(
        "the level asked for",
        arguments: [
            (Level.received, ControlClose.Durability.durable, ControlCode.notDurable),
            (.written, .durable, .notDurable), (.durable, .durable, .ok),
            (.received, .written, .notDurable), (.written, .written, .ok),
            (.received, .none, .ok), (.durable, .none, .ok),
        ])
    func level(reached: Level, asked: ControlClose.Durability, code: ControlCode) throws {
        var desk = try Desk()
        let (lease, plan) = try begin(&desk)
        let receipt = try desk.receipt(plan, length: 10, level: reached)
        #expect(try desk.close(lease, [receipt], asked).code == code)
        // A refusal leaves the lease as it was.
        #expect(try desk.status().leases == (code == .ok ? 0 : 1))
    }

    @Test func blocksOfOtherLeasesTwiceListedOnesAndWrongEpochsAreRefused() throws {
        var desk = try Desk()
        let (lease, plan) = try begin(&desk)
        let (_, foreign) = try begin(&desk, "b")
        let mine = try desk.receipt(plan, length: 10)
        let theirs = try desk.receipt(foreign, length: 10)
        #expect(try desk.close(lease, [mine, theirs]).code == .blockMismatch)
        #expect(try desk.close(lease, [mine, mine]).code == .blockMismatch)
        var old = plan
        old.epoch = 0
        #expect(try desk.close(lease, [desk.receipt(old, length: 10)]).code == .staleEpoch)
        old.epoch = 2
        #expect(try desk.close(lease, [desk.receipt(old, length: 10)]).code == .blockMismatch)
        let long = try desk.receipt(plan, length: UInt64(Limits.blockBytes.upperBound) + 1)
        #expect(try desk.close(lease, [long]).code == .blockMismatch)
    }

    @Test func aKeyWithoutBytesHasNoBlocks() throws {
        var desk = try Desk()
        try desk.put("empty", blocks: [])
        try desk.put("sealed-empty", blocks: [0])
        for key in ["empty", "sealed-empty"] {
            let open = try desk.open(key).open
            #expect(open.length == 0)
            #expect(open.blocks.isEmpty)
        }
        #expect(try desk.status().blocks == 0)
    }

    @Test func theOldValueStaysUntilCloseAndThenGoesAtOnce() throws {
        var desk = try Desk()
        let old = try desk.put("a", blocks: [10, 20])
        #expect(try desk.create("a").code == .exists)
        let (lease, plan) = try begin(&desk)
        #expect(try desk.open("a").open.blocks.map(\.block) == old.map(\.block))
        let info = try desk.info("a").info
        #expect(info.exists && info.open)
        #expect(info.length == 30)
        #expect(info.openBlocks == 1)
        #expect(try desk.close(lease, [desk.receipt(plan, length: 7)]).code == .ok)
        #expect(try desk.open("a").open.blocks.map(\.block) == [plan.block])
        #expect(try desk.info("a").info.open == false)
        #expect(try desk.status().blocks == 1)
    }

    @Test func aKeyThatAppearedMeanwhileIsNotReplacedUnasked() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        try desk.put("b")
        #expect(try desk.rename("b", "a").code == .leased)
        let plan = try desk.addBlock(lease).addBlock
        #expect(try desk.close(lease, [desk.receipt(plan, length: 1)]).code == .ok)
        #expect(try desk.rename("b", "a").code == .exists)
    }

    @Test func blocksThatAreNotListedAreDeleted() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let kept = try desk.addBlock(lease).addBlock
        let dropped = try desk.addBlock(lease).addBlock
        try desk.heartbeat(
            0,
            [
                FakeNode.state(kept.block, .sealed, length: 10),
                FakeNode.state(dropped.block, .open, length: 3),
            ])
        #expect(try desk.close(lease, [desk.receipt(kept, length: 10)]).code == .ok)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [dropped.block])
        #expect(try desk.heartbeat(1).heartbeat.commands.isEmpty)
    }

    @Test func receiptsOutliveTheirKeysRotation() throws {
        var desk = try Desk { $0.keyRotationMs = 1_000 }
        let (lease, plan) = try begin(&desk)
        let receipt = try desk.receipt(plan, length: 10)
        try desk.pass(10_000)
        #expect(desk.nodes[0].ring[KeyID(receipt.keyID)] == nil)
        #expect(try desk.close(lease, [receipt]).code == .ok)
    }

    @Test func infoShowsHowFarAWriterHasCome() throws {
        var desk = try Desk()
        let (_, plan) = try begin(&desk)
        for (index, length) in [30, 20, 10].enumerated() {
            try desk.heartbeat(index, [FakeNode.state(plan.block, .open, length: UInt64(length))])
        }
        let info = try desk.info("a").info
        #expect(info.exists == false)
        #expect(info.openLength == 10)
    }

    // MARK: Long values

    private func listed(
        _ desk: inout Desk, _ lease: Data, _ lengths: [UInt64], more: Bool,
        _ durability: ControlClose.Durability = .durable
    ) throws -> ControlReply {
        var close = ControlClose()
        close.leaseID = lease
        close.more = more
        close.durability = durability
        for length in lengths {
            let plan = try desk.addBlock(lease).addBlock
            close.blocks.append(try desk.receipt(plan, length: length))
        }
        return try desk.send(.close(close))
    }

    @Test func aLongValueIsListedInParts() throws {
        var desk = try Desk()
        try desk.put("k", blocks: [7])
        let lease = try desk.create("k", overwrite: true).create.leaseID
        #expect(try listed(&desk, lease, [100, 200], more: true).code == .ok)
        _ = try desk.addBlock(lease)
        #expect(try listed(&desk, lease, [300], more: true).code == .ok)
        // Until the last part the key is what it was, and the rest can be seen.
        #expect(try desk.info("k").info.length == 7)
        #expect(try desk.info("k").info.openLength == 600)
        #expect(try listed(&desk, lease, [50], more: false).code == .ok)
        let open = try desk.open("k").open
        #expect(open.length == 650)
        #expect(open.blocks.map(\.offset) == [0, 100, 300, 600])
        #expect(try desk.status().blocks == 4)
        #expect(try desk.status().leases == 0)
    }

    @Test func aPartSurvivesARestartAndEndsWithItsLease() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        #expect(try listed(&desk, lease, [100, 200], more: true).code == .ok)
        _ = try desk.restarted()
        try desk.cameBack()
        #expect(try listed(&desk, lease, [300], more: true).code == .ok)
        #expect(try listed(&desk, lease, [], more: false).code == .ok)
        #expect(try desk.open("a").open.length == 600)
        let other = try desk.create("b").create.leaseID
        #expect(try listed(&desk, other, [100, 200], more: true).code == .ok)
        #expect(try desk.status().blocks == 5)
        try desk.pass(60_000)
        #expect(try desk.status().blocks == 3)
    }

    @Test func thePartsOfAValueSayTheSameDurability() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        #expect(try listed(&desk, lease, [100], more: true, .none).code == .ok)
        #expect(try listed(&desk, lease, [], more: false).code == .malformed)
        #expect(try listed(&desk, lease, [100], more: true, .written).code == .malformed)
        _ = try desk.restarted()
        try desk.cameBack()
        #expect(try listed(&desk, lease, [], more: false).code == .malformed)
        #expect(try desk.info("a").info.exists == false)
        #expect(try listed(&desk, lease, [50], more: false, .none).code == .ok)
        #expect(try desk.open("a").open.length == 150)
    }

    @Test func whatWasListedIsNotOpenAfterARestartEither() throws {
        var desk = try Desk { $0.bounds.openBlocksPerClient = 2 }
        let lease = try desk.create("a").create.leaseID
        for _ in 0..<3 {
            #expect(try listed(&desk, lease, [5], more: true).code == .ok)
        }
        _ = try desk.addBlock(lease)
        _ = try desk.restarted()
        try desk.cameBack()
        #expect(try desk.addBlock(lease).code == .ok)
        #expect(try desk.addBlock(lease).code == .busy)
    }

    @Test func aBlockIsListedOnceAndAValueIsBounded() throws {
        var desk = try Desk {
            $0.bounds.blocksPerValue = 3
            $0.bounds.openBlocksPerClient = 2
        }
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease).addBlock
        var close = ControlClose()
        close.leaseID = lease
        close.blocks = [try desk.receipt(plan, length: 5)]
        close.more = true
        #expect(try desk.send(.close(close)).code == .ok)
        #expect(try desk.send(.close(close)).code == .blockMismatch)
        // What is listed is not open any more.
        #expect(try listed(&desk, lease, [1, 1], more: true).code == .ok)
        #expect(try desk.addBlock(lease).code == .malformed)
        #expect(try listed(&desk, lease, [], more: false).code == .ok)
        #expect(try desk.open("a").open.length == 7)
    }

    @Test func aValueThatIsTooLongIsRefusedBeforeItIsWritten() throws {
        var desk = try Desk {
            $0.bounds.blocksPerValue = 10
            $0.blockBytes = 1 << 20
            $0.longestBlockBytes = 4 << 20
        }
        var create = ControlCreate()
        create.key = "a"
        create.length = 40 << 20 + 1
        let refused = try desk.send(.create(create))
        #expect(refused.code == .malformed)
        #expect(refused.message.contains("at most \(40 << 20) bytes"))
        create.length = 40 << 20
        let lease = try desk.send(.create(create)).create
        #expect(lease.mostBlocks == 10)
        #expect([lease.blockBytes, lease.longestBlock] == [1 << 20, 4 << 20])
        #expect(try desk.addBlock(lease.leaseID).addBlock.maxLength == 1 << 20)
        let longer = try desk.addBlock(lease.leaseID) { $0.blockBytes = 1 << 30 }
        #expect(longer.addBlock.maxLength == 4 << 20)
    }
}
