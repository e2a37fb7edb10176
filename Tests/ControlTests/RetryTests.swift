import Control
import Testing
import Wire

@Suite("Retries get the first answer")
struct RetryTests {
    @Test func aRetryOfEachOperationChangesNothing() throws {
        var desk = try Desk()
        let created = try desk.create("a", id: 1)
        #expect(try desk.create("a", id: 1) == created)
        let lease = created.create.leaseID
        let planned = try desk.addBlock(lease, id: 2)
        #expect(try desk.addBlock(lease, id: 2) == planned)
        let receipt = try desk.receipt(planned.addBlock, length: 5)
        #expect(try desk.close(lease, [receipt], id: 3).code == .ok)
        #expect(try desk.close(lease, [receipt], id: 3).code == .ok)
        #expect(try desk.close(lease, [receipt], id: 4).code == .leaseExpired)
        #expect(try desk.status().blocks == 1)
        #expect(try desk.delete("a", id: 5).code == .ok)
        #expect(try desk.delete("a", id: 5).code == .ok)
        #expect(try desk.delete("a", id: 6).code == .notFound)
    }

    @Test func anotherClientsIdsAreItsOwn() throws {
        var desk = try Desk()
        #expect(try desk.create("a", client: 1, id: 1).code == .ok)
        #expect(try desk.create("b", client: 2, id: 1).code == .ok)
    }

    @Test func anIdIsForOneRequest() throws {
        var desk = try Desk()
        #expect(try desk.create("a", id: 1).code == .ok)
        #expect(try desk.create("b", id: 1).code == .malformed)
        #expect(try desk.create("b", id: 0).code == .malformed)
    }

    @Test func aRefusalIsJudgedAnew() throws {
        var desk = try Desk()
        _ = try desk.create("a", client: 2)
        #expect(try desk.create("a", id: 1).code == .leased)
        try desk.pass(60_000)
        #expect(try desk.create("a", id: 1).code == .ok)
    }

    @Test func theTableIsBounded() throws {
        var desk = try Desk { $0.bounds.outcomes = 3 }
        for number in 1...5 as ClosedRange<UInt64> {
            #expect(try desk.create("k\(number)", id: number).code == .ok)
        }
        #expect(desk.engine.store.tally.outcomes == 3)
        let name = { RequestName(client: Desk.client(1), request: $0) }
        #expect(desk.engine.store.outcome(name(2)) == nil)
        #expect(desk.engine.store.outcome(name(3)) != nil)
    }

    @Test func aClientPushesOutNoAnswersButItsOwn() throws {
        var desk = try Desk {
            $0.bounds.outcomesPerClient = 4
            $0.bounds.outcomes = 10
        }
        try desk.put("quiet", client: 2)
        #expect(try desk.delete("quiet", id: 7, client: 2).code == .ok)
        // Far more than the log holds: what is old and kept moves on in it.
        for number in 1...200 as ClosedRange<UInt64> {
            #expect(try desk.create("k\(number)", client: 3, id: number).code == .ok)
            #expect(
                desk.engine.store.counter(.outcome) - (desk.engine.store.answers.oldest ?? 0) < 30)
        }
        #expect(try desk.delete("quiet", id: 7, client: 2).code == .ok)
        #expect(desk.engine.store.tally.outcomes <= 8)
        let name = { RequestName(client: Desk.client(3), request: $0) }
        #expect(desk.engine.store.outcome(name(196)) == nil)
        #expect(desk.engine.store.outcome(name(197)) != nil)
        // Then by age.
        for client in 10...30 as ClosedRange<UInt64> {
            #expect(try desk.create("c\(client)", client: client, id: 1).code == .ok)
        }
        #expect(desk.engine.store.tally.outcomes == 10)
        #expect(try desk.delete("quiet", id: 7, client: 2).code == .notFound)
    }

    @Test func anAddressPushesOutNoAnswersButItsOwnHoweverManyClientsItHas() throws {
        var desk = try Desk {
            $0.bounds.outcomesPerClient = 4
            $0.bounds.outcomesPerAddress = 4
            $0.bounds.outcomes = 10
        }
        try desk.put("quiet", client: 2)
        #expect(try desk.delete("quiet", id: 7, client: 2).code == .ok)
        let crowd = PeerAddress(ipv4: 9)
        for client in 10...200 as ClosedRange<UInt64> {
            let reply = try desk.create("c\(client)", client: client, id: 1, address: crowd)
            #expect(reply.code == .ok)
            #expect(desk.engine.store.tally.outcomes <= 8)
        }
        #expect(try desk.delete("quiet", id: 7, client: 2).code == .ok)
        let kept = (10...200 as ClosedRange<UInt64>).filter {
            desk.engine.store.outcome(RequestName(client: Desk.client($0), request: 1)) != nil
        }
        #expect(kept == [197, 198, 199, 200], "the newest four")
    }

    @Test func theBytesOfTheTableAreBounded() throws {
        var desk = try Desk { $0.bounds.outcomeBytes = 1_000 }
        var most = 0
        for number in 1...200 as ClosedRange<UInt64> {
            #expect(try desk.create("k\(number)", id: number).code == .ok)
            most = max(most, desk.engine.store.answers.bytes)
        }
        #expect(most > 500)
        #expect(most <= 1_000)
        // Long answers after short ones, and short ones again.
        let lease = try desk.create("long", id: 1_000).create.leaseID
        for number in 1_001...1_030 as ClosedRange<UInt64> {
            #expect(try desk.addBlock(lease, id: number).code == .ok)
            #expect(desk.engine.store.answers.bytes <= 1_000)
        }
        for number in 1...200 as ClosedRange<UInt64> {
            #expect(try desk.create("l\(number)", id: 2_000 + number).code == .ok)
            #expect(desk.engine.store.answers.bytes <= 1_000)
        }
        let name = { RequestName(client: Desk.client(1), request: $0) }
        #expect(desk.engine.store.outcome(name(1)) == nil)
        #expect(desk.engine.store.outcome(name(2_200)) != nil)
    }
}
