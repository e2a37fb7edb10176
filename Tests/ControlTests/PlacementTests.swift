import Control
import Foundation
import System
import Testing
import Wire

@Suite("Placement of replicas, and the order in which they are read")
struct PlacementTests {
    private func candidate(
        _ number: UInt64, _ place: String, used: UInt64 = 0, room: UInt64 = 1_000, planned: Int = 0
    ) throws -> ReplicaPlacement.Candidate {
        ReplicaPlacement.Candidate(
            node: NodeID(high: 0, low: number), location: try #require(Location(place)),
            capacityBytes: 1_000, usedBytes: used, roomBytes: room, planned: planned)
    }

    private func choose(
        _ candidates: [ReplicaPlacement.Candidate], replicas: Int, need: UInt64 = 1,
        writer: String? = nil,
        seed: UInt64 = 1
    ) -> ReplicaPlacement.Outcome {
        var generator = Seeded(seed)
        return ReplicaPlacement.choose(
            candidates, replicas: replicas, needBytes: need, blockBytes: 100,
            writer: writer.flatMap(Location.init), using: &generator)
    }

    private func numbers(_ outcome: ReplicaPlacement.Outcome) -> [UInt64] {
        if case .chain(let nodes) = outcome { nodes.map(\.low) } else { [] }
    }

    @Test func theLeastUsedAreTakenFirst() throws {
        let nodes = try (1...6).map { number in
            try candidate(
                number, "/a/p/r/n\(number)", used: [900, 100, 800, 200, 700, 300][Int(number) - 1])
        }
        for seed in 1...20 as ClosedRange<UInt64> {
            #expect(numbers(choose(nodes, replicas: 3, seed: seed)) == [2, 4, 6])
        }
    }

    @Test func plannedBlocksCountAsUsed() throws {
        let nodes = try [
            candidate(1, "/a/p/r/n1", planned: 3), candidate(2, "/a/p/r/n2", planned: 1),
            candidate(3, "/a/p/r/n3", planned: 2),
        ]
        #expect(numbers(choose(nodes, replicas: 3)) == [2, 3, 1])
    }

    @Test func distanceComesBeforeUse() throws {
        let nodes = try [
            candidate(1, "/a/p/r1/n1"), candidate(2, "/a/p/r1/n2"),
            candidate(3, "/a/p/r2/n3", used: 500), candidate(4, "/b/p/r1/n4", used: 900),
        ]
        for seed in 1...20 as ClosedRange<UInt64> {
            let chain = numbers(choose(nodes, replicas: 3, seed: seed))
            #expect(Set(chain).isSuperset(of: [3, 4]), "seed \(seed)")
        }
    }

    @Test func theHeadIsNearTheWriter() throws {
        let nodes = try (1...4).map {
            try candidate($0, "/az\($0)/p/r/n", used: $0 == 3 ? 900 : 0)
        }
        #expect(numbers(choose(nodes, replicas: 3, writer: "/az3/p/r")).first == 3)
    }

    @Test func theSameSeedGivesTheSameChainWhateverTheOrder() throws {
        let nodes = try (1...9).map { try candidate($0, "/a/p/r/n\($0)") }
        let one = choose(nodes, replicas: 5, seed: 42)
        #expect(one == choose(nodes.reversed(), replicas: 5, seed: 42))
        let others = (1...20).map { choose(nodes, replicas: 5, seed: $0) }
        #expect(others.contains { $0 != one })
        for outcome in others { #expect(Set(numbers(outcome)).count == 5) }
    }

    @Test func tooFewNodesAndTooLittleRoomAreDifferentAnswers() throws {
        let nodes = try [
            candidate(1, "/a/p/r/n1", room: 10), candidate(2, "/a/p/r/n2", room: 5),
        ]
        #expect(choose(nodes, replicas: 3) == .tooFew(found: 2))
        #expect(choose(nodes, replicas: 2, need: 10) == .noSpace(found: 1))
        #expect(numbers(choose(nodes, replicas: 1, need: 10)) == [1])
    }

    @Test func addBlockHeedsItsWishes() throws {
        var desk = try Desk(nodes: 5)
        let lease = try desk.create("a").create.leaseID
        let excluded = desk.nodes[0...2].map { Data($0.id.bytes) }
        let plan = try desk.addBlock(lease) {
            $0.exclude = Array(excluded.prefix(2))
            $0.replicas = 3
        }
        #expect(
            Set(plan.addBlock.chain.map(\.nodeID))
                == Set(desk.nodes[2...4].map { Data($0.id.bytes) }))
        let short = try desk.addBlock(lease) { $0.exclude = excluded }
        #expect(short.code == .tooFewNodes)
        #expect(short.liveNodes == 2)
        #expect(try desk.addBlock(lease) { $0.replicas = 5 }.addBlock.chain.count == 5)
        #expect(try desk.addBlock(lease) { $0.replicas = 6 }.code == .malformed)
        #expect(try desk.addBlock(lease) { $0.location = "nowhere" }.code == .malformed)
    }

    @Test func fullNodesGetNoBlocks() throws {
        var desk = try Desk()
        desk.nodes[1].free = 100
        try desk.heartbeat(1)
        let lease = try desk.create("a").create.leaseID
        #expect(try desk.addBlock(lease).code == .noSpace)
        #expect(try desk.addBlock(lease) { $0.sizeHint = 100 }.code == .ok)
    }

    @Test func readersGetTheNearestLiveReplicaFirst() throws {
        func replica(_ number: UInt64, _ place: String, _ liveness: Liveness = .live) throws
            -> ReplicaOrder.Replica
        {
            ReplicaOrder.Replica(
                node: NodeID(high: 0, low: number), location: try #require(Location(place)),
                liveness: liveness)
        }
        var generator = Seeded(3)
        let reader = Location("/a/p/r/n1")
        let replicas = try [
            replica(1, "/a/p/r/n1", .stale), replica(2, "/b/p/r/n2"), replica(3, "/a/p/r/n3"),
            replica(4, "/a/p/r2/n4"), replica(5, "/a/p/r/n1", .dead),
        ]
        let order = ReplicaOrder.order(replicas, reader: reader, using: &generator)
        #expect(order.map(\.low) == [3, 4, 2, 1])
        let dead = ReplicaOrder.order([replicas[4]], reader: reader, using: &generator)
        #expect(dead.map(\.low) == [5])
    }

    @Test func openOrdersByTheReadersPlaceAndItsTokenCoversThatOrder() throws {
        var desk = try Desk(nodes: 0)
        for number in 1...3 as ClosedRange<UInt64> {
            var node = FakeNode(number)
            node.location = "/az\(number)/p/r/n\(number)/d"
            desk.nodes.append(node)
            try desk.register(Int(number) - 1)
            try desk.heartbeat(Int(number) - 1, complete: true)
        }
        try desk.put("a", blocks: [10])
        for number in 1...3 {
            let block = try #require(
                try desk.open("a", location: "/az\(number)").open.blocks.first)
            #expect(block.replicas.first?.location == "/az\(number)/p/r/n\(number)")
            let token = try #require(Token(decoding: Array(block.token)))
            let nodes = block.replicas.compactMap { replica in
                NodeID(bytes: replica.nodeID).map {
                    ChainNode(
                        node: $0, host: replica.host, port: UInt16(clamping: replica.port))
                }
            }
            let chain = try #require(Chain(nodes))
            #expect(token.chainHash == chain.hash)
            #expect(token.modes == .read)
            #expect(token.lease != .none, "drawn for this reader")
            #expect(token.maxLength == 10)
        }
    }
}
