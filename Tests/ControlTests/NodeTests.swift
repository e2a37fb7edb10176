import Control
import Foundation
import Testing
import Wire

@Suite("Datanodes: sessions, liveness, K")
struct NodeTests {
    @Test func theProofIsChecked() throws {
        var desk = try Desk()
        var message = desk.nodes[0].register(challenge: Desk.challenge, secret: [1, 2, 3])
        #expect(try desk.send(.register(message), role: .datanode).code == .badSecret)
        message = desk.nodes[0].register(challenge: [1], secret: Desk.secret)
        #expect(try desk.send(.register(message), role: .datanode).code == .badSecret)
        message = desk.nodes[0].register(challenge: Desk.challenge, secret: Desk.secret)
        message.nodeID = Data(NodeID(high: 0, low: 99).bytes)
        #expect(try desk.send(.register(message), role: .datanode).code == .badSecret)
        message = desk.nodes[0].register(challenge: Desk.challenge, secret: Desk.secret)
        #expect(try desk.send(.register(message), role: .client).code == .malformed)
        #expect(try desk.send(.register(message), role: .datanode).code == .ok)
    }

    @Test func whoProvesTheSecretGetsAProvenAnswerAndNobodyElse() throws {
        var desk = try Desk()
        func answer(
            _ operation: ControlRequest.OneOf_Operation
        ) throws -> (reply: ControlReply, body: [UInt8]) {
            var request = ControlRequest()
            request.clientID = Data(ClientID(high: 1, low: 1).bytes)
            request.requestID = 1
            request.operation = operation
            let caller = Caller(role: .datanode, challenge: Desk.challenge, peer: "test")
            let answer = try desk.engine.handle(request, from: caller, at: Moment(now: desk.now))
            return (answer.reply, answer.encoded ?? ReplyWriter.body(answer.reply))
        }
        try desk.register(0)
        var beat = desk.nodes[0].heartbeat(challenge: Desk.challenge, secret: Desk.secret)
        let proof = AnswerProof(
            secret: Desk.secret, node: desk.nodes[0].id, namenode: Desk.challenge,
            datanode: Array(beat.challenge))
        // Accepted, and refused: the sequence is far ahead.
        for (sequence, code) in [(UInt64(1), ControlCode.ok), (9, .staleSession)] {
            beat.sequence = sequence
            let (reply, body) = try answer(.heartbeat(beat))
            #expect(reply.code == code)
            #expect(proof.isProven(body))
            #expect(try ControlFrame.decode(ControlReply.self, from: body).code == code)
        }
        let register = desk.nodes[0].register(challenge: Desk.challenge, secret: Desk.secret)
        #expect(proof.isProven(try answer(.register(register)).body))
        beat.proof[0] ^= 1
        let (reply, body) = try answer(.heartbeat(beat))
        #expect(reply.code == .badSecret && !proof.isProven(body))
        #expect(try ControlFrame.decode(ControlReply.self, from: body).proof.isEmpty)
    }

    @Test func theNewestIncarnationWins() throws {
        var desk = try Desk()
        let old = desk.nodes[0]
        desk.nodes[0].incarnation = IncarnationID(high: 5, low: 5)
        #expect(try desk.register(0).code == .ok)
        #expect(try desk.heartbeat(0).code == .ok)
        let new = desk.nodes[0]
        desk.nodes[0] = old
        #expect(try desk.heartbeat(0).code == .incarnationReplaced)
        #expect(try desk.register(0).code == .incarnationReplaced)
        desk.nodes[0] = new
        #expect(try desk.heartbeat(0).code == .ok)
    }

    /// A process of the node of index 0, as one that its directories' generation lets in or not.
    private func register(
        _ desk: inout Desk, process: UInt64, generation: UInt64
    ) throws -> ControlCode {
        desk.nodes[0].incarnation = IncarnationID(high: process, low: process)
        desk.nodes[0].generation = generation
        return try desk.register(0).code
    }

    @Test func theDirectoryWithTheNewerStateStays() throws {
        var desk = try Desk()
        #expect(try register(&desk, process: 5, generation: 7) == .ok)
        let original = desk.nodes[0]
        // Older; the same, from a copy of one that runs.
        #expect(try register(&desk, process: 6, generation: 6) == .staleCopy)
        #expect(try register(&desk, process: 6, generation: 7) == .staleCopy)
        desk.nodes[0] = original
        #expect(try desk.heartbeat(0).code == .ok)
        // Started again.
        #expect(try register(&desk, process: 7, generation: 8) == .ok)
        // Once it is dead, a copy of it may come, and an older one may not.
        try desk.pass(10_000, beating: [1, 2])
        #expect(try register(&desk, process: 8, generation: 7) == .staleCopy)
        #expect(try register(&desk, process: 8, generation: 8) == .ok)
        // Of a version that counts nothing.
        #expect(try register(&desk, process: 9, generation: 0) == .ok)
        #expect(try register(&desk, process: 10, generation: 7) == .staleCopy)
    }

    @Test func aCloneGivesWayToAnOriginalThatIsAlive() throws {
        var desk = try Desk()
        #expect(try register(&desk, process: 5, generation: 7) == .ok)
        let original = desk.nodes[0]
        // On a clone of the disk nothing but the address is different.
        desk.nodes[0].port += 1_000
        let clone = desk.nodes[0]
        #expect(try register(&desk, process: 6, generation: 8) == .busy)
        desk.nodes[0] = original
        try desk.pass(1_000)
        #expect(desk.nodes[0].session == original.session, "it was not disturbed")
        desk.nodes[0] = clone
        #expect(try register(&desk, process: 6, generation: 9) == .staleCopy)
        // A process that was started anew elsewhere is it as soon as the one before is silent.
        #expect(try register(&desk, process: 7, generation: 10) == .busy)
        try desk.pass(1_900, beating: [1, 2])
        #expect(try register(&desk, process: 7, generation: 11) == .busy)
        try desk.pass(100, beating: [1, 2])
        #expect(try register(&desk, process: 7, generation: 12) == .ok)
        // And where it listens, the one before cannot be any more.
        #expect(try register(&desk, process: 8, generation: 13) == .ok)
    }

    @Test func theSameProcessMayRegisterAgain() throws {
        var desk = try Desk()
        let old = desk.nodes[0]
        #expect(try desk.register(0).code == .ok)
        let new = desk.nodes[0]
        desk.nodes[0] = old
        #expect(try desk.heartbeat(0).code == .staleSession)
        desk.nodes[0] = new
        #expect(try desk.heartbeat(0).code == .ok)
    }

    @Test(
        "silence",
        arguments: [
            (0, Liveness.live), (2_999, .live), (3_000, .stale), (9_999, .stale), (10_000, .dead),
        ] as [(Int64, Liveness)])
    func silence(milliseconds: Int64, expected: Liveness) {
        #expect(Liveness(silence: milliseconds, staleMs: 3_000, deadMs: 10_000) == expected)
    }

    @Test func aDeadNodeHasToRegisterAgain() throws {
        var desk = try Desk()
        try desk.pass(10_000, beating: [0, 1])
        let status = try desk.status()
        #expect([status.live, status.stale, status.dead] == [2, 0, 1])
        #expect(try desk.heartbeat(2).code == .staleSession)
        #expect(try desk.register(2).code == .ok)
        #expect(try desk.status().live == 3)
    }

    @Test func aStaleNodeComesBackWithItsNextHeartbeat() throws {
        var desk = try Desk { $0.minNodes = 3 }
        try desk.pass(5_000, beating: [0, 1])
        #expect(try desk.status().stale == 1)
        #expect(try desk.create("a").code == .tooFewNodes)
        #expect(try desk.heartbeat(2).code == .ok)
        #expect(try desk.create("a").code == .ok)
    }

    @Test func clientTrafficWaitsForK() throws {
        var desk = try Desk(nodes: 2) { $0.minNodes = 3 }
        let refused = try desk.create("a")
        #expect(refused.code == .tooFewNodes)
        #expect(refused.liveNodes == 2)
        #expect(refused.neededNodes == 3)
        #expect(try desk.open("a").code == .tooFewNodes)
        #expect(try desk.info("a").code == .tooFewNodes)
        #expect(try desk.delete("a").code == .tooFewNodes)
        #expect(try desk.rename("a", "b").code == .tooFewNodes)
        #expect(try desk.send(.list(ControlList())).code == .tooFewNodes)
        #expect(try desk.status().needed == 3)
        desk.nodes.append(FakeNode(3))
        try desk.register(2)
        #expect(try desk.open("a").code == .notFound)
        #expect(try desk.create("a").code == .ok)
    }

    @Test func kIsASetting() throws {
        var desk = try Desk(nodes: 1) {
            $0.minNodes = 1
            $0.replicas = 1
        }
        #expect(try desk.put("a").first?.chain.count == 1)
    }

    @Test("K is a majority of the copies", arguments: [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
    func majority(replicas: Int, needed: Int) {
        var settings = NamenodeSettings()
        settings.replicas = replicas
        #expect(settings.neededNodes == needed)
    }

    @Test func aRefusalNamesWhoIsMissing() throws {
        var desk = try Desk()
        try desk.put("a", blocks: [10])
        let lease = try desk.create("b").create.leaseID
        try desk.pass(20_000, beating: [0, 1])
        // Two of three are enough for all but a chain of three.
        #expect(try desk.open("a").code == .ok)
        let short = try desk.addBlock(lease)
        #expect(short.code == .tooFewNodes)
        #expect([short.liveNodes, short.neededNodes] == [2, 3])
        #expect(
            short.message
                == "2 datanodes can take this block, and its chain wants 3; "
                + "not heard from: 127.0.0.1:9003")
        try desk.pass(20_000, beating: [0])
        let refused = try desk.create("c")
        #expect([refused.liveNodes, refused.neededNodes] == [1, 2])
        #expect(refused.message.hasSuffix("not heard from: 127.0.0.1:9002, 127.0.0.1:9003"))
        // One that starts again knows them by id alone.
        let again = try desk.restarted()
        try desk.register(0)
        #expect(again.message.contains("0 datanodes are live, and this cluster serves with 2"))
        #expect(desk.nodes.allSatisfy { again.message.contains("node \($0.id)") })
        #expect(try desk.open("a").message.contains("node \(desk.nodes[1].id)"))
        #expect(try !desk.open("a").message.contains("node \(desk.nodes[0].id)"))
        try desk.register(1)
        #expect(try desk.open("a").code == .ok)
    }

    @Test func aClusterThatLostANodeStillServesWhatItHas() throws {
        var desk = try Desk { $0.minNodes = 3 }
        try desk.put("a", blocks: [10])
        let lease = try desk.create("open").create.leaseID
        try desk.pass(20_000, beating: [0, 1])
        #expect(try desk.create("b").code == .tooFewNodes)
        #expect(try desk.addBlock(lease).code == .tooFewNodes)
        let replicas = try #require(try desk.open("a").open.blocks.first?.replicas)
        #expect(Set(replicas.map(\.nodeID)) == Set(desk.nodes[0...1].map { Data($0.id.bytes) }))
        #expect(try desk.list().entries.map(\.key) == ["a"])
    }

    @Test func aNamenodeThatStoodStillBlamesNobody() throws {
        var desk = try Desk()
        let lease = try desk.create("a").create.leaseID
        try desk.pass(2_000, beating: [0, 1])
        desk.now += 3_600_000
        try desk.tick()
        #expect(try desk.status().live == 3)
        #expect(try desk.addBlock(lease).code == .ok)
        #expect(try desk.info("a").info.leaseRemainingMs == 58_000)
        #expect(desk.notices.contains { $0.message.contains("did not run") })
        try desk.pass(1_000, beating: [0, 1])
        #expect(try desk.status().stale == 1)
        try desk.pass(57_000, beating: [0, 1])
        #expect(try desk.info("a").code == .notFound)
    }

    @Test func aHeartbeatIsAppliedOnceAndAGapIsNoticed() throws {
        var desk = try Desk()
        let plan = try #require(try desk.put("a", blocks: [10]).first)
        let sealed = FakeNode.state(plan.block, .sealed, length: 10)
        let gone = FakeNode.state(plan.block, .gone)
        #expect(try desk.heartbeat(0, [sealed]).code == .ok)
        // The same sequence again: answered, not applied.
        #expect(try desk.beat(0, [gone]).code == .ok)
        #expect(desk.engine.namenode.replicas.count(of: desk.nodes[0].id) == 1)
        desk.nodes[0].sequence += 1
        #expect(try desk.heartbeat(0, [gone]).code == .staleSession)
    }

    @Test func keysRotateAndTheDroppedOneRevokes() throws {
        var desk = try Desk { $0.keyRotationMs = 5_000 }
        let lease = try desk.create("a").create.leaseID
        let plan = try desk.addBlock(lease).addBlock
        func judge(_ desk: Desk) -> Status {
            let nodes = plan.chain.compactMap { node in
                NodeID(bytes: node.nodeID).map {
                    ChainNode(node: $0, host: node.host, port: UInt16(clamping: node.port))
                }
            }
            guard let chain = Chain(nodes), let head = nodes.first?.node,
                let node = desk.nodes.first(where: { $0.id == head })
            else { return .notFound }
            let check = TokenCheck(
                cluster: Desk.cluster, node: head, keys: node.ring, now: desk.now)
            let credentials = Credentials(token: Array(plan.token), chain: chain)
            var opening = FrameHeader(.write)
            opening.block = BlockID(plan.block)
            opening.epoch = Epoch(plan.epoch)
            switch check.admit(credentials, mode: .write, opening: opening) {
            case .success(let admitted):
                // The client hears from the head what the namenode told it.
                #expect(admitted.key.bytes == Array(plan.streamKey))
                return .ok
            case .failure(let refused): return refused.status
            }
        }
        #expect(judge(desk) == .ok)
        let first = desk.nodes[0].ring
        #expect(first.keys.count == 2)
        try desk.pass(5_500)
        #expect(desk.nodes[0].ring.keys.count == 3)
        #expect(desk.nodes[0].ring.current == first.keys[1].id)
        #expect(judge(desk) == .ok)
        try desk.pass(5_500)
        #expect(judge(desk) == .tokenUnknownKey)
    }

    @Test func aTokenNeverOutlivesItsKey() {
        var settings = NamenodeSettings()
        #expect(settings.effectiveTokenMs == 600_000)
        settings.keyRotationMs = 1_000
        #expect(settings.effectiveTokenMs == 1_000)
    }

    @Test func nodesAreBounded() throws {
        var desk = try Desk { $0.bounds.nodes = 3 }
        desk.nodes.append(FakeNode(4))
        #expect(try desk.register(3).code == .busy)
        #expect(try desk.register(0).code == .ok)
    }

    @Test func aReportShowsEveryNode() throws {
        var desk = try Desk()
        try desk.pass(10_000, beating: [0, 1])
        let all = try desk.send(.report(ControlReport())).report
        #expect(all.nodes.map(\.state).sorted() == ["dead", "live", "live"])
        var dead = ControlReport()
        dead.deadOnly = true
        let one = try desk.send(.report(dead)).report
        #expect(one.nodes.map(\.node.nodeID) == [Data(desk.nodes[2].id.bytes)])
    }
}
