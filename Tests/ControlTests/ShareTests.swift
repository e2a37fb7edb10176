import Control
import Testing
import Wire

@Suite("What one client and one address may write at a time")
struct ShareTests {
    private let here = PeerAddress(ipv4: 1)
    private let there = PeerAddress(ipv4: 2)

    private func desk() throws -> Desk {
        try Desk {
            $0.bounds.leasesPerClient = 2
            $0.bounds.leasesPerAddress = 3
            $0.bounds.leases = 6
            $0.bounds.openBlocksPerClient = 3
            $0.bounds.openBlocksPerAddress = 5
        }
    }

    @Test func leases() throws {
        var desk = try desk()
        func create(_ key: String, _ client: UInt64, _ address: PeerAddress) throws -> ControlReply
        {
            try desk.create(key, client: client, address: address)
        }
        let first = try create("a", 1, here)
        #expect(first.code == .ok)
        #expect(try create("b", 1, here).code == .ok)
        #expect(try create("b", 1, here).code == .ok, "its own lease is no second one")
        let refused = try create("c", 1, here)
        #expect(refused.code == .busy)
        #expect(refused.message.contains("this client writes 2 keys at once"))
        #expect(try create("c", 1, there).code == .busy)
        #expect(try create("c", 2, here).code == .ok)
        #expect(try create("d", 3, here).message.contains("this address writes 3 keys"))
        // What is closed is given back.
        #expect(try desk.close(first.create.leaseID, []).code == .ok)
        #expect(try create("g", 1, here).code == .ok)
        #expect(try create("d", 3, there).code == .ok)
        #expect(try create("e", 4, there).code == .ok)
        // Of what is left there is some for others, and no more for this one.
        let last = try create("f", 5, there)
        #expect(last.message.contains("no more keys are left for this address"))
        #expect(try create("f", 5, PeerAddress(ipv4: 3)).code == .ok)
        // And what has ended.
        try desk.pass(60_000)
        #expect(try create("h", 1, here).code == .ok)
        #expect(try create("i", 2, here).code == .ok)
    }

    @Test func blocks() throws {
        var desk = try desk()
        let one = try desk.create("a", client: 1).create.leaseID
        let two = try desk.create("b", client: 2).create.leaseID
        for _ in 0..<3 { #expect(try desk.addBlock(one, client: 1).code == .ok) }
        // By whoever holds the lease, whichever client uses it.
        #expect(try desk.addBlock(one, client: 9).message.contains("this client writes 3 blocks"))
        #expect(try desk.addBlock(two, client: 2).code == .ok)
        #expect(try desk.addBlock(two, client: 2).code == .ok)
        #expect(try desk.addBlock(two, client: 2).message.contains("this address writes 5 blocks"))
        #expect(try desk.close(one, [], client: 1).code == .ok)
        #expect(try desk.addBlock(two, client: 2).code == .ok)
    }

    @Test func aRestartKnowsTheClientsAndLearnsTheAddresses() throws {
        var desk = try desk()
        let lease = try desk.create("a", client: 1, address: here).create.leaseID
        _ = try desk.create("b", client: 1, address: here)
        _ = try desk.restarted()
        for index in desk.nodes.indices { try desk.register(index) }
        #expect(try desk.create("c", client: 1, address: here).code == .busy)
        var renew = ControlRenew()
        renew.leaseID = lease
        for _ in 0..<3 {
            #expect(try desk.send(.renew(renew), client: 1, address: here).code == .ok)
        }
        #expect(try desk.create("d", client: 2, address: here).code == .ok)
        #expect(try desk.create("e", client: 3, address: here).code == .ok)
        #expect(try desk.create("f", client: 4, address: here).code == .busy)
    }
}
