import ControlClient
import Testing
import Wire

@testable import DataPath

/// What a datanode does on its namenode's word, and how soon it says what it has to say.
@Suite struct MembershipTests {
    private var membership: Membership
    private let outbox = Outbox(reactors: 2)
    private let device = {
        var device = ControlDevice()
        device.deviceID = .init(repeating: 1, count: 16)
        return device
    }()

    init() throws {
        membership = Membership(
            Membership.Member(
                node: NodeID(high: 1, low: 1), incarnation: IncarnationID(high: 1, low: 2),
                secret: Array(repeating: 1, count: 32), host: "10.0.0.1", port: 7500,
                software: "test"),
            client: ClientID(high: 1, low: 3), now: 0)
        var reply = ControlRegisterReply()
        reply.session = 1
        reply.timing.heartbeatMs = 1_000
        reply.timing.deadMs = 10_000
        _ = try membership.registered(reply, now: 0)
    }

    private mutating func heartbeat() -> ControlHeartbeat {
        membership.heartbeat(
            outbox.take(Membership.changesPerHeartbeat), devices: [device], openStreams: 0)
    }

    private func record(_ numbers: ClosedRange<UInt64>) {
        let record = BlockRecord(
            epoch: Epoch(1), length: 1, checksum: 0, state: .sealed, device: 0)
        for number in numbers { outbox.blockChanged(BlockID(number), record) }
    }

    @Test mutating func aReportGoesAsFastAsTheNamenodeTakesIt() {
        let report = outbox.beginReport()
        #expect(!heartbeat().reportComplete)
        #expect(membership.restMilliseconds == 50, "the reactors have yet to name their blocks")
        record(1...10_000)
        outbox.reportCompleted(report)
        #expect(heartbeat().blocks.count == 4_096)
        #expect(membership.restMilliseconds == 0)
        outbox.reportCompleted(report)
        #expect(!heartbeat().reportComplete)
        #expect(membership.restMilliseconds == 0)
        let last = heartbeat()
        #expect(last.reportComplete && last.blocks.count == 10_000 - 2 * 4_096)
        #expect(membership.restMilliseconds == 1_000)
        // More than a heartbeat's worth at any other time.
        record(1...5_000)
        _ = heartbeat()
        #expect(membership.restMilliseconds == 0)
    }

    private func command(_ kind: ControlCommand.Kind?) -> ControlCommand {
        var command = ControlCommand()
        if let kind { command.kind = kind }
        command.block = 5
        command.epoch = 9
        return command
    }

    @Test mutating func whatHasNoKindOrAnUnknownOneIsNotDone() throws {
        var reply = ControlHeartbeatReply()
        reply.commands = [
            command(nil), command(.UNRECOGNIZED(7)), command(.scrub), command(.delete),
        ]
        #expect(Membership.unknownKinds(in: reply) == [0, 7])
        let orders = try membership.answered(reply, now: 1).compactMap { mail -> String? in
            switch mail {
            case .delete(let deletion): "delete \(deletion.block.number)"
            case .scrub(let block): "scrub \(block?.number ?? 0)"
            default: nil
            }
        }
        #expect(orders == ["scrub 5", "delete 5"])
    }

    private func refused(_ code: ControlCode, isProven: Bool) -> ControlFailure {
        .refused(.init(code: code, message: "so", isProven: isProven))
    }

    @Test mutating func onlyTheNamenodesOwnWordEndsASession() {
        let codes: [ControlCode] = [
            .staleSession, .badSecret, .incarnationReplaced, .staleCopy, .malformed, .busy,
        ]
        for code in codes {
            membership.failed(refused(code, isProven: false))
            #expect(membership.isOpen, "\(code)")
            #expect(membership.finality(of: refused(code, isProven: false)) == nil)
        }
        let other = ControlFailure.wrongCluster(
            expected: ClusterID(high: 1, low: 1), found: ClusterID(high: 1, low: 2))
        #expect(membership.finality(of: other) == nil)
        #expect(membership.finality(of: .wrongVersion("9")) == nil)
        #expect(membership.finality(of: refused(.incarnationReplaced, isProven: true)) == "so")
        #expect(membership.finality(of: refused(.staleSession, isProven: true)) == nil)
        membership.failed(refused(.staleSession, isProven: true))
        #expect(!membership.isOpen)
    }

    @Test func atTheStartTheOperatorHearsWhatAnybodySays() {
        let fresh = Membership(
            Membership.Member(
                node: NodeID(high: 1, low: 1), incarnation: IncarnationID(high: 1, low: 2),
                secret: Array(repeating: 1, count: 32), host: "10.0.0.1", port: 7500,
                software: "test"),
            client: ClientID(high: 1, low: 3), now: 0)
        #expect(fresh.finality(of: refused(.badSecret, isProven: false)) == "so")
        #expect(fresh.finality(of: .wrongVersion("9")) != nil)
        #expect(fresh.finality(of: refused(.staleSession, isProven: false)) == nil)
    }
}

/// Whose silence counts: only while one start of the namenode is heard without a break.
struct NamenodeContactTests {
    private let start = NamespaceIncarnation(5)
    private var contact = NamenodeContact()

    private mutating func hear(from first: UInt64, to last: UInt64) {
        for now in stride(from: first, through: last, by: 10) {
            contact.heard(start, now: now, gap: 10)
        }
    }

    @Test mutating func silenceBeginsWithTheFirstAnswer() {
        #expect(contact.silence(since: 0, now: 1_000) == 0, "nothing was heard")
        hear(from: 1_000, to: 1_100)
        #expect(contact.silence(since: 0, now: 1_100) == 100)
        #expect(contact.silence(since: 1_070, now: 1_100) == 30)
    }

    @Test mutating func aStandstillBeginsItAnew() {
        hear(from: 1_000, to: 1_100)
        contact.heard(start, now: 1_111, gap: 10)
        #expect(contact.silence(since: 0, now: 1_111) == 0)
    }

    @Test mutating func soDoAFenceAndAnotherStart() {
        hear(from: 1_000, to: 1_100)
        contact.lost()
        #expect(contact.silence(since: 0, now: 1_100) == 0)
        hear(from: 1_110, to: 1_120)
        #expect(contact.silence(since: 0, now: 1_120) == 10)
        contact.heard(NamespaceIncarnation(6), now: 1_125, gap: 10)
        #expect(contact.silence(since: 0, now: 1_125) == 0)
    }
}
