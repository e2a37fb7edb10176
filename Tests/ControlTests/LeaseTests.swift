import Control
import Foundation
import Testing
import Wire

@Suite("Leases")
struct LeaseTests {
    @Test(
        "who gets a key",
        arguments: [
            (true, false, nil, LeaseRules.Create.exists), (true, true, nil, .grant),
            (false, false, nil, .grant), (false, false, 2, .leased), (true, true, 2, .leased),
            (true, false, 1, .exists),
        ] as [(Bool, Bool, UInt64?, LeaseRules.Create)])
    func rules(exists: Bool, overwrite: Bool, holder: UInt64?, expected: LeaseRules.Create) throws {
        let key = try #require(Key("k"))
        let record = holder.map {
            LeaseRecord(
                id: LeaseID(high: 1, low: 1), client: Desk.client($0), key: key, overwrite: false,
                value: ValueID(1))
        }
        let outcome = LeaseRules.create(
            client: Desk.client(1), overwrite: overwrite, keyExists: exists, holder: record)
        #expect(outcome == expected)
    }

    @Test func anotherClientIsRefusedAndTheSameOneGetsItsLeaseAgain() throws {
        var desk = try Desk()
        let first = try desk.create("a")
        #expect(first.code == .ok)
        #expect(first.create.durationMs == 60_000)
        #expect(try desk.create("a", client: 2).code == .leased)
        #expect(try desk.create("a").create.leaseID == first.create.leaseID)
        #expect(try desk.status().leases == 1)
    }

    @Test func theLeaseItselfIsTheRightToWrite() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease, client: 2).addBlock
        let receipt = try desk.receipt(plan, length: 1)
        #expect(try desk.close(lease, [receipt], client: 3).code == .ok)
    }

    @Test func aLeaseThatNeverWasHasEnded() throws {
        var desk = try Desk()
        #expect(try desk.addBlock(Data(count: 16)).code == .leaseExpired)
        #expect(try desk.close(Data(count: 16), []).code == .leaseExpired)
        #expect(try desk.addBlock(Data(count: 3)).code == .malformed)
    }

    @Test func expiryFreesTheKeyAndDropsTheOpenValue() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease).addBlock
        try desk.heartbeat(0, [FakeNode.state(plan.block, .open, length: 5)])
        try desk.pass(59_999)
        #expect(try desk.status().leases == 1)
        try desk.pass(1)
        #expect(try desk.status().leases == 0)
        #expect(try desk.addBlock(lease).code == .leaseExpired)
        #expect(try desk.close(lease, []).code == .leaseExpired)
        #expect(try desk.info("a").code == .notFound)
        #expect(try desk.create("a", client: 2).code == .ok)
        #expect(try desk.heartbeat(0).heartbeat.commands.map(\.block) == [plan.block])
    }

    @Test func expiryNeedsNoTick() throws {
        var desk = try Desk { $0.leaseMs = 1_000 }
        _ = try desk.create("a")
        desk.now += 1_000
        #expect(try desk.create("a", client: 2).code == .ok)
    }

    @Test func renewalGivesTheFullTimeFromNow() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        var renew = ControlRenew()
        renew.leaseID = lease
        try desk.pass(50_000)
        #expect(try desk.send(.renew(renew)).renew.durationMs == 60_000)
        try desk.pass(59_000)
        #expect(try desk.info("a").info.leaseRemainingMs == 1_000)
        try desk.pass(1_000)
        #expect(try desk.send(.renew(renew)).code == .leaseExpired)
    }

    @Test func aLeaseIsRenewedAndGivenBackWhileTheNamenodeWaitsForDatanodes() throws {
        var desk = try Desk()
        let leases = try ["a", "b"].map { try desk.create($0).create.leaseID }
        let plan = try desk.addBlock(leases[0]).addBlock
        #expect(try desk.restarted().code == .tooFewNodes)
        var renew = ControlRenew()
        renew.leaseID = leases[0]
        for _ in 0..<3 {
            try desk.pass(50_000, beating: [])
            #expect(try desk.send(.renew(renew)).renew.durationMs == 60_000)
            if desk.now < 1_060_000 {
                var abandon = ControlAbandon()
                abandon.leaseID = leases[1]
                #expect(try desk.send(.abandon(abandon)).code == .ok)
            }
        }
        try desk.cameBack()
        #expect(try desk.close(leases[0], [desk.receipt(plan, length: 10)]).code == .ok)
        #expect(try desk.create("b", client: 2).code == .ok)
    }

    @Test func abandonDropsTheOpenValueAndKeepsTheOld() throws {
        var desk = try Desk()
        try desk.put("a", blocks: [10])
        let lease = try desk.create("a", overwrite: true).create.leaseID
        _ = try desk.addBlock(lease)
        var abandon = ControlAbandon()
        abandon.leaseID = lease
        #expect(try desk.send(.abandon(abandon)).code == .ok)
        #expect(try desk.send(.abandon(abandon)).code == .leaseExpired)
        #expect(try desk.open("a").open.length == 10)
        #expect(try desk.create("a", overwrite: true, client: 2).code == .ok)
    }

    @Test func leasesAreBounded() throws {
        var desk = try Desk { $0.bounds.leases = 4 }
        #expect(try desk.create("a").code == .ok)
        #expect(try desk.create("b").code == .ok)
        #expect(try desk.create("c").code == .busy)
    }

    @Test func blocksOfALeaseAreBounded() throws {
        var desk = try Desk { $0.bounds.blocksPerValue = 2 }
        let lease = try desk.create("a").create.leaseID
        #expect(try desk.addBlock(lease).code == .ok)
        #expect(try desk.addBlock(lease).code == .ok)
        #expect(try desk.addBlock(lease).code == .malformed)
    }

    @Test("a key's length", arguments: [(0, false), (1, true), (1_024, true), (1_025, false)])
    func keyLength(count: Int, isKey: Bool) throws {
        var desk = try Desk()
        let reply = try desk.create(String(repeating: "k", count: count))
        #expect(reply.code == (isKey ? .ok : .badKey))
    }
}
