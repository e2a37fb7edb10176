import ControlClient
import Testing
import Wire

@testable import DataPath

/// A datanode's whole conversation with its namenode, step by step.
@Suite struct AgentLoopTests {
    private struct Node: AgentNode {
        func deviceReports() -> [DeviceReport] {
            [
                DeviceReport(
                    id: DeviceID(high: 1, low: 9), path: "/data/a",
                    room: DeviceRoom(capacity: 100 << 20, free: 40 << 20, spareBytes: 2 << 20))
            ]
        }

        func beginGeneration() -> UInt64 { 7 }
    }

    private let outbox = Outbox()

    private func loop() -> AgentLoop {
        AgentLoop(
            Membership(
                Membership.Member(
                    node: NodeID(high: 1, low: 1), incarnation: IncarnationID(high: 1, low: 2),
                    secret: Array(repeating: 1, count: 32), host: "10.0.0.1", port: 7500,
                    location: "/a/b/c/d/e", software: "test"),
                client: ClientID(high: 1, low: 3), now: 0),
            outbox)
    }

    private func registered() -> AgentLoop.Event {
        var reply = ControlReply()
        reply.register.session = 4
        reply.register.timing.heartbeatMs = 1_000
        reply.register.timing.deadMs = 10_000
        return .answered(reply)
    }

    private func beaten(unknown kinds: [Int] = []) -> AgentLoop.Event {
        var reply = ControlReply()
        reply.heartbeat.incarnation = 3
        reply.heartbeat.commit = 12
        for kind in kinds {
            var command = ControlCommand()
            command.kind = .UNRECOGNIZED(kind)
            reply.heartbeat.commands.append(command)
        }
        return .answered(reply)
    }

    private func broken() -> AgentLoop.Event {
        .failed(.unreachable(address: "10.0.0.9:7400", reason: "gone"))
    }

    private func request(_ step: AgentLoop.Step) throws -> ControlRequest.OneOf_Operation {
        guard case .call(let request, _) = step.wait else {
            throw Unexpected(what: "\(step.wait)")
        }
        return try #require(request.operation)
    }

    private struct Unexpected: Error { let what: String }

    private func notices(_ step: AgentLoop.Step) -> [AgentLoop.Notice] {
        step.actions.compactMap { if case .tell(let notice) = $0 { notice } else { nil } }
    }

    /// Through the registration to the first rest.
    private func settle(_ loop: inout AgentLoop) throws {
        _ = loop.step(.rested, now: 0, node: Node())
        _ = loop.step(.connected(challenge: [1]), now: 1, node: Node())
        _ = loop.step(registered(), now: 2, node: Node())
        let last = loop.step(beaten(), now: 3, node: Node())
        guard case .rest = last.wait else { throw Unexpected(what: "\(last.wait)") }
    }

    @Test func aNodeConnectsRegistersReportsAndBeats() throws {
        var loop = loop()
        let first = loop.step(.rested, now: 0, node: Node())
        guard case .connect = first.wait else { throw Unexpected(what: "\(first.wait)") }
        let second = loop.step(.connected(challenge: [1, 2]), now: 1, node: Node())
        guard case .register(let register) = try request(second) else {
            throw Unexpected(what: "\(second.wait)")
        }
        #expect(register.generation == 7 && register.devices.first?.location == "/a/b/c/d/e")
        #expect(register.devices.first?.freeBytes == 42 << 20, "what spares hold is free")
        #expect(!loop.isInContact)

        let third = loop.step(registered(), now: 2, node: Node())
        #expect(notices(third) == [.serving, .registered(session: 4)])
        var order: [String] = []
        for action in third.actions {
            switch action {
            case .post(.keys): order.append("keys")
            case .post(.room(let rooms)): order.append("room \(rooms.count)")
            case .deliver(.reportAll): order.append("report")
            case .bind: order.append("bind")
            default: break
            }
        }
        #expect(order == ["keys", "report", "bind", "room 1"])
        guard case .heartbeat(let heartbeat) = try request(third) else {
            throw Unexpected(what: "\(third.wait)")
        }
        #expect(heartbeat.session == 4 && heartbeat.sequence == 1)
        #expect(loop.isInContact)

        let fourth = loop.step(beaten(), now: 3, node: Node())
        let mark = fourth.actions.compactMap { action -> UInt64? in
            if case .keep(let mark) = action { mark.commit } else { nil }
        }
        #expect(mark == [12])
        guard case .rest = fourth.wait else { throw Unexpected(what: "\(fourth.wait)") }
        guard case .heartbeat(let next) = try request(loop.step(.rested, now: 4, node: Node()))
        else { throw Unexpected(what: "no heartbeat") }
        #expect(next.sequence == 2)
    }

    @Test func aBrokenConnectionGoesOnWithWhatHadNoAnswer() throws {
        var loop = loop()
        try settle(&loop)
        guard case .heartbeat(let lost) = try request(loop.step(.rested, now: 4, node: Node()))
        else { throw Unexpected(what: "no heartbeat") }
        let pause = loop.step(broken(), now: 5, node: Node())
        #expect(notices(pause).count == 1)
        guard case .rest(let milliseconds) = pause.wait else {
            throw Unexpected(what: "\(pause.wait)")
        }
        #expect(milliseconds > 0)
        // The same again is not told again.
        _ = loop.step(.rested, now: 6, node: Node())
        #expect(notices(loop.step(broken(), now: 7, node: Node())).isEmpty)
        _ = loop.step(.rested, now: 8, node: Node())
        let resumed = loop.step(.connected(challenge: [5]), now: 9, node: Node())
        guard case .heartbeat(let again) = try request(resumed) else {
            throw Unexpected(what: "\(resumed.wait)")
        }
        #expect(again.sequence == lost.sequence && again.session == lost.session)
        #expect(again.proof != lost.proof, "each connection has its own challenge")
        let answered = loop.step(beaten(), now: 10, node: Node())
        #expect(notices(answered) == [.resumed(session: 4)])
        guard case .heartbeat(let next) = try request(answered) else {
            throw Unexpected(what: "\(answered.wait)")
        }
        #expect(next.sequence == lost.sequence + 1)
    }

    @Test func longSilenceFencesOnceUntilAnAnswer() throws {
        var loop = loop()
        try settle(&loop)
        var fences = 0
        for second in Int64(1)...9 {
            for action in loop.step(broken(), now: second * 1_000, node: Node()).actions {
                if case .deliver(.fenced(true)) = action { fences += 1 }
            }
            _ = loop.step(.rested, now: second * 1_000, node: Node())
        }
        #expect(fences == 1)
        _ = loop.step(.connected(challenge: [1]), now: 9_500, node: Node())
        // The last heartbeat was answered: another one is what the new connection begins with.
        let back = loop.step(beaten(), now: 9_600, node: Node())
        #expect(notices(back).contains(.unfenced))
    }

    @Test func aLostSessionRegistersAtOnce() throws {
        var loop = loop()
        try settle(&loop)
        _ = loop.step(.rested, now: 4, node: Node())
        let refusal = ControlFailure.Refusal(
            code: .staleSession, message: "", isProven: true)
        let step = loop.step(.failed(.refused(refusal)), now: 5, node: Node())
        guard case .connect = step.wait else { throw Unexpected(what: "\(step.wait)") }
        guard
            case .register = try request(
                loop.step(.connected(challenge: [1]), now: 6, node: Node()))
        else { throw Unexpected(what: "no registration") }
    }

    @Test func aNodeThatIsNotWantedEnds() throws {
        var loop = loop()
        _ = loop.step(.rested, now: 0, node: Node())
        _ = loop.step(.connected(challenge: [1]), now: 1, node: Node())
        let refusal = ControlFailure.Refusal(
            code: .badSecret, message: "the secret is another")
        let step = loop.step(.failed(.refused(refusal)), now: 2, node: Node())
        guard case .end("the secret is another") = step.wait else {
            throw Unexpected(what: "\(step.wait)")
        }
    }

    @Test func unknownCommandsAreToldOnceAndFewOfThem() throws {
        var loop = loop()
        try settle(&loop)
        _ = loop.step(.rested, now: 4, node: Node())
        let many = loop.step(beaten(unknown: Array(100..<150)), now: 5, node: Node())
        #expect(notices(many).count == 16)
        _ = loop.step(.rested, now: 6, node: Node())
        #expect(notices(loop.step(beaten(unknown: [100, 200]), now: 7, node: Node())).isEmpty)
    }

    @Test func anAnswerToSomethingElseIsAFailure() throws {
        var loop = loop()
        _ = loop.step(.rested, now: 0, node: Node())
        _ = loop.step(.connected(challenge: [1]), now: 1, node: Node())
        let step = loop.step(beaten(), now: 2, node: Node())
        guard case .rest = step.wait else { throw Unexpected(what: "\(step.wait)") }
        #expect(notices(step).count == 1 && !loop.isInContact)
    }
}
