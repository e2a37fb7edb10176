import ControlClient
import Reactor
import Testing
import Wire

@testable import Client

/// `PutMachine` as a table: what it is told, and what it wants then, a word for each action.
struct PutMachineTests {
    private static let second: UInt64 = 1_000_000_000
    private static let granted = Lease(
        id: LeaseID(high: 1, low: 2), key: "k", milliseconds: 3_000_000)
    private let nodes = (1...3).map {
        ChainNode(node: NodeID(high: 0, low: UInt64($0)), host: "127.0.0.1", port: UInt16($0))
    }
    private let first = WriteID(index: RecordIndex(0))
    private let other = WriteID(index: RecordIndex(1))

    private func machine(
        _ supply: PutSupply, _ change: (inout PutSettings) -> Void = { _ in }
    ) -> PutMachine {
        var settings = PutSettings(key: "k", supply: supply, engine: EngineSettings())
        settings.span = 60 * Self.second
        change(&settings)
        return PutMachine(settings)
    }

    // MARK: Events

    private func plan(_ number: UInt64, most: UInt64 = 100) -> BlockPlan {
        let token = [UInt8](repeating: 0, count: Token.byteCount)
        guard let chain = Chain(nodes), let key = StreamKey(bytes: [UInt8](repeating: 1, count: 32))
        else { preconditionFailure("three nodes are a chain") }
        return BlockPlan(
            block: BlockID(number), epoch: Epoch(1), maxLength: most,
            credentials: Credentials(token: token, chain: chain), key: key)
    }

    private func planned(
        _ plans: BlockPlan..., replacing: Bool = false, order: Int = 0
    ) -> PutEvent {
        let wish = PlanWish(
            order: order, isReplacement: replacing, count: 16, longest: 0, bytes: 0, exclude: [])
        return .answered(.plan(wish), .success(.plans(plans)))
    }

    private func unplanned(_ code: ControlCode, order: Int = 0) -> PutEvent {
        let wish = PlanWish(
            order: order, isReplacement: false, count: 16, longest: 0, bytes: 0, exclude: [])
        return .answered(.plan(wish), .failure(refused(code)))
    }

    private var unanswered: PutEvent {
        let wish = PlanWish(
            order: 0, isReplacement: false, count: 16, longest: 0, bytes: 0, exclude: [])
        let failure = ControlFailure.unreachable(address: "n", reason: "gone")
        return .answered(.plan(wish), .failure(failure))
    }

    private func receipt(_ length: UInt64) -> SignedReceipt {
        let receipt = Receipt(
            level: .durable, checksum: 1, key: KeyID(1), cluster: ClusterID(high: 0, low: 1),
            block: BlockID(1), epoch: Epoch(1), length: length)
        return SignedReceipt(receipt: receipt, signature: [])
    }

    private func refused(_ code: ControlCode) -> ControlFailure {
        .refused(.init(code: code, message: "\(code)"))
    }

    private func closed(
        _ result: Result<PutAnswer, ControlFailure>, _ places: Range<Int> = 0..<0
    ) -> PutEvent {
        .answered(.close(places, more: false), result)
    }

    private let created: PutEvent = .answered(.create, .success(.lease(Self.granted)))

    // MARK: Actions

    private func word(_ call: PutCall) -> String {
        switch call {
        case .create: "create"
        case .plan(let wish):
            (wish.isReplacement ? "replan " : "plan ") + "\(wish.order) \(wish.bytes)"
                + (wish.exclude.isEmpty ? "" : " without \(wish.exclude.count)")
        case .renew: "renew"
        case .close(let places, let more): "close \(places)" + (more ? " and more" : "")
        case .abandon: "abandon"
        }
    }

    private func word(_ action: PutAction) -> String {
        switch action {
        case .call(let call, _): word(call)
        case .waiting: "waiting"
        case .peek: "peek"
        case .write(let block):
            "write \(block.order) at \(block.start)"
                + (block.length.map { "+\($0)" } ?? "")
        case .resume(let order, _): "resume \(order)"
        case .move(let order, _, let plan): "move \(order) to \(plan.block.number)"
        case .end(let id): "end \(id.index)"
        case .tell: "silent"
        case .finish(nil, _): "done"
        case .finish(.call(let failure)?, let kept):
            "failed: \(failure)" + (kept == nil ? "" : ", kept")
        case .finish(.stream?, _): "failed stream"
        case .finish(.noAddress?, _): "no address"
        case .finish(.shortBlock?, _): "short block"
        case .finish(.source?, _): "failed source"
        case .finish(.noRoom?, _): "no room"
        }
    }

    /// Tells the events, a second apart, and compares what each is answered with.
    private func expect(
        _ machine: inout PutMachine, _ table: [(PutEvent, [String])],
        location: SourceLocation = #_sourceLocation
    ) {
        var now = Self.second
        for (place, (event, wanted)) in table.enumerated() {
            let found = machine.take(event, now: now).map(word)
            #expect(found == wanted, "line \(place + 1)", sourceLocation: location)
            now += Self.second
        }
    }

    private func filled(_ id: WriteID, _ length: UInt64, isEnded: Bool = false) -> PutEvent {
        .filled(id, length: length, isSourceEnded: isEnded)
    }

    // MARK: Tables

    @Test("writes block after block, the next one while the one before is sealed")
    func blocks() {
        var put = machine(.again(250))
        expect(
            &put,
            [
                (.began, ["create"]),
                (created, ["plan 0 250"]),
                (planned(plan(1), plan(2)), ["write 0 at 0+100"]),
                (.begun(0, first), []),
                (filled(first, 100), ["write 1 at 100+100", "plan 2 50"]),
                (.begun(1, other), []),
                (planned(plan(3), order: 2), []),
                (filled(other, 100), []),
                (.sealed(first, receipt(100)), ["write 2 at 200+50"]),
                (.begun(2, first), []),
                (.progress(first, Progress(received: 50, written: 20, durable: 0)), []),
            ])
        #expect(put.written == 120)
        expect(
            &put,
            [
                (.sealed(first, receipt(50)), []),
                (.sealed(other, receipt(100)), ["close 0..<3"]),
                (closed(.success(.done)), ["done"]),
            ])
    }

    @Test("of a pipe a block is planned when its first byte is there")
    func pipe() {
        var put = machine(.once(promised: nil))
        expect(
            &put,
            [
                (.began, ["create"]),
                (created, ["peek"]),
                (.peeked(10), ["plan 0 0"]),
                (planned(plan(1), plan(2)), ["write 0 at 0"]),
                (.begun(0, first), []),
                (filled(first, 100), ["peek"]),
                (.peeked(0), []),
                (.sealed(first, receipt(100)), ["close 0..<1"]),
                (closed(.success(.done)), ["done"]),
            ])
    }

    @Test("a stream that broke is resumed, and then its bytes move to another chain")
    func moves() {
        var put = machine(.again(100))
        let broken = PutEvent.failed(first, .disconnected(0), isInMemory: true)
        let silent = PutEvent.failed(first, .timedOut, isInMemory: true)
        expect(
            &put,
            [
                (.began, ["create"]),
                (created, ["plan 0 100"]),
                (planned(plan(1)), ["write 0 at 0+100"]),
                (.begun(0, first), []),
                (filled(first, 100), []),
                (broken, []),
                (.woke, ["resume 0"]),
                (.noRoom(0), []),
                (.woke, ["resume 0"]),
                (.begun(0, first), []),
                (silent, ["silent"]),
                (.woke, ["replan 0 100 without 1"]),
                (planned(plan(2), replacing: true), ["move 0 to 2"]),
                (.begun(0, first), []),
                (.sealed(first, receipt(100)), ["close 0..<1"]),
            ])
        #expect(put.retries == 2)
    }

    @Test("what memory does not hold any more is read again, from a pipe it cannot be")
    func readsAgain() {
        let gone = PutEvent.failed(first, .timedOut, isInMemory: false)
        var file = machine(.again(100))
        expect(
            &file,
            [
                (.began, ["create"]),
                (created, ["plan 0 100"]),
                (planned(plan(1)), ["write 0 at 0+100"]),
                (.begun(0, first), []),
                (gone, ["silent", "end 0"]),
                (.woke, ["replan 0 100 without 1"]),
                (planned(plan(2), replacing: true), ["write 0 at 0+100"]),
            ])
        var pipe = machine(.once(promised: nil))
        expect(
            &pipe,
            [
                (.began, ["create"]),
                (created, ["peek"]),
                (.peeked(10), ["plan 0 0"]),
                (planned(plan(1)), ["write 0 at 0"]),
                (.begun(0, first), []),
                (gone, []),
                (.woke, ["resume 0"]),
            ])
    }

    @Test(
        "CLOSE is repeated for what may pass, for as long as the value is waited for",
        arguments: [ControlCode.notDurable, .tooFewNodes, .busy])
    func closes(code: ControlCode) {
        var put = machine(.again(0)) { $0.span = 4 * Self.second }
        let not = closed(.failure(refused(code)))
        expect(
            &put,
            [
                (.began, ["create"]),
                (created, ["close 0..<0"]),
                (not, ["waiting"]),
                (.woke, ["close 0..<0"]),
                (not, []),
                (.woke, ["close 0..<0"]),
                (not, ["abandon"]),
                (.answered(.abandon, .success(.done)), ["failed: \(refused(code))"]),
            ])
        #expect(put.mayBeStored == false)
    }

    @Test("a CLOSE without an answer may have stored the value")
    func lostClose() {
        let lost = ControlFailure.unreachable(address: "n", reason: "gone")
        var put = machine(.again(0))
        expect(
            &put,
            [
                (.began, ["create"]), (created, ["close 0..<0"]),
                (closed(.failure(lost)), ["abandon"]),
                (.answered(.abandon, .failure(lost)), ["failed: \(lost), kept"]),
            ])
        #expect(put.mayBeStored)
    }

    @Test("no chain: at once without those that failed, later with them, and then no more")
    func plans() {
        var put = machine(.again(100)) { $0.span = 5 * Self.second }
        expect(
            &put,
            [
                (.began, ["create"]), (created, ["plan 0 100"]),
                (unplanned(.tooFewNodes), []), (.woke, ["plan 0 100"]),
                (unplanned(.tooFewNodes), []), (.woke, ["plan 0 100"]),
                (unplanned(.tooFewNodes), ["abandon"]),
            ])
    }

    @Test("a namenode that says nothing to ADDBLOCK is asked on, and that is told once")
    func silence() {
        var put = machine(.again(100))
        expect(
            &put,
            [
                (.began, ["create"]), (created, ["plan 0 100"]), (unanswered, ["waiting"]),
                (.woke, ["plan 0 100"]), (unanswered, []), (.woke, ["plan 0 100"]),
                (planned(plan(1)), ["write 0 at 0+100"]),
            ])
    }

    @Test("CLOSE waits for a renewal that is under way")
    func closesAfterRenewal() {
        var put = machine(.again(100))
        for event in [PutEvent.began, created, planned(plan(1)), .begun(0, first)] {
            _ = put.take(event, now: 0)
        }
        #expect(put.take(.woke, now: 1_000 * Self.second).map(word) == ["renew"])
        #expect(put.take(.sealed(first, receipt(100)), now: 1_001 * Self.second).isEmpty)
        let renewed = PutEvent.answered(.renew, .success(.lease(Self.granted)))
        #expect(put.take(renewed, now: 1_002 * Self.second).map(word) == ["close 0..<1"])
    }

    @Test("the lease is renewed while blocks are written; only the namenode's word ends it")
    func lease() {
        var put = machine(.again(100))
        let lost = ControlFailure.timedOut(address: "n", milliseconds: 1)
        _ = put.take(.began, now: 0)
        _ = put.take(created, now: 0)
        #expect(put.wakeAt == 1_000 * Self.second)
        #expect(put.take(.woke, now: 1_000 * Self.second).map(word) == ["renew"])
        _ = put.take(.answered(.renew, .failure(lost)), now: 1_000 * Self.second)
        #expect(put.wakeAt == 1_333_333_333_333)
        #expect(put.take(.woke, now: 1_334 * Self.second).map(word) == ["renew"])
        let over = PutEvent.answered(.renew, .failure(refused(.leaseExpired)))
        #expect(
            put.take(over, now: 1_335 * Self.second).map(word)
                == ["failed: \(refused(.leaseExpired))"])
    }

    @Test("a failed source ends the put, and its streams with it")
    func source() {
        var put = machine(.again(100))
        expect(
            &put,
            [
                (.began, ["create"]), (created, ["plan 0 100"]),
                (planned(plan(1)), ["write 0 at 0+100"]), (.begun(0, first), []),
                (.sourceFailed(.sourceChanged), ["end 0", "abandon"]),
                (.answered(.abandon, .success(.done)), ["failed source"]),
            ])
    }
}
