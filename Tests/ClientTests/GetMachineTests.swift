import ControlClient
import Glibc
import Reactor
import Testing
import Wire

@testable import Client

/// `GetMachine` as a table: what it is told, and what it wants then, a word for each action.
struct GetMachineTests {
    private static let second: UInt64 = 1_000_000_000
    private let nodes = (1...3).map {
        ChainNode(node: NodeID(high: 0, low: UInt64($0)), host: "127.0.0.1", port: UInt16($0))
    }

    private func machine(_ change: (inout GetSettings) -> Void = { _ in }) -> GetMachine {
        var settings = GetSettings(key: "k", engine: EngineSettings())
        change(&settings)
        return GetMachine(settings)
    }

    private func block(_ number: UInt64, at offset: UInt64, _ length: UInt64 = 100) -> ValueBlock {
        let token = [UInt8](repeating: 0, count: Token.byteCount)
        guard let chain = Chain(nodes), let key = StreamKey(bytes: [UInt8](repeating: 1, count: 32))
        else { preconditionFailure("three nodes are a chain") }
        return ValueBlock(
            block: BlockID(number), epoch: Epoch(1), offset: offset, length: length, checksum: 7,
            replicas: nodes.map { Replica(node: $0, location: "") },
            credentials: Credentials(token: token, chain: chain), key: key)
    }

    private func opened(_ blocks: [ValueBlock], value: UInt64 = 1, length: UInt64) -> GetEvent {
        .opened(OpenValue(value: value, key: "k", length: length, blocks: blocks))
    }

    private func word(_ action: GetAction) -> String {
        switch action {
        case .open(let message, _): "open \(message.offset)+\(message.length)"
        case .waiting: "waiting"
        case .ask(let ask):
            "ask \(ask.node.port) for \(ask.block.block.number) \(ask.range)"
                + (ask.read == nil ? "" : " again")
        case .hedge(_, let ask): "hedge \(ask.node.port)"
        case .end: "end"
        case .tell(let node): "silent \(node == nodes[0].node ? 1 : 2)"
        case .finish(nil): "done"
        case .finish(.call(let failure)): "failed: \(failure)"
        case .finish(.replaced): "replaced"
        case .finish(.badRange): "bad range"
        case .finish(.noBlock(let position)): "no block at \(position)"
        case .finish(.output): "bad output"
        case .finish(.exhausted(_, let choice)): "exhausted after \(choice.asked)"
        case .finish(.noRoom): "no room"
        }
    }

    private func refused(_ code: ControlCode) -> ControlFailure {
        .refused(.init(code: code, message: "\(code)"))
    }

    /// Tells the events, a second apart, and compares what each is answered with.
    private func expect(
        _ machine: inout GetMachine, _ table: [(GetEvent, [String])],
        location: SourceLocation = #_sourceLocation
    ) {
        var now = Self.second
        for (place, (event, wanted)) in table.enumerated() {
            let found = machine.take(event, now: now).map(word)
            #expect(found == wanted, "line \(place + 1)", sourceLocation: location)
            now += Self.second
        }
    }

    @Test("reads block after block, and opens the rest of a long value")
    func blocks() {
        var get = machine()
        let id = ReadID(index: RecordIndex(0))
        expect(
            &get,
            [
                (.began, ["open 0+0"]),
                (opened([block(1, at: 0)], length: 200), ["ask 1 for 1 0..<100"]),
                (.asked(id), []),
                (.verified(60), []),
                (.completed(checksum: 1), ["open 100+0"]),
                (opened([block(2, at: 100)], length: 200), ["ask 1 for 2 0..<100"]),
                (.asked(id), []),
                (.completed(checksum: 2), ["done"]),
            ])
        #expect(get.verified == 200)
        #expect(get.replicasTried == 2)
    }

    @Test("a range is cut out of its blocks")
    func range() {
        var get = machine {
            $0.offset = 150
            $0.length = 20
        }
        expect(
            &get,
            [
                (.began, ["open 150+20"]),
                (opened([block(2, at: 100)], length: 200), ["ask 1 for 2 50..<70"]),
                (.asked(ReadID(index: RecordIndex(0))), []),
                (.completed(checksum: 1), ["done"]),
            ])
        var long = machine { $0.offset = 201 }
        expect(
            &long, [(.began, ["open 201+0"]), (opened([], length: 200), ["bad range"])])
    }

    @Test("goes from replica to replica, tells who was silent, and opens again when all are")
    func replicas() {
        var get = machine { $0.span = 60 * Self.second }
        let id = ReadID(index: RecordIndex(0))
        expect(
            &get,
            [
                (.began, ["open 0+0"]),
                (opened([block(1, at: 0)], length: 100), ["ask 1 for 1 0..<100"]),
                (.asked(id), []),
                (.failed(.timedOut), ["ask 2 for 1 0..<100 again"]),
                (.asked(id), []),
                (.failed(.corrupt(0)), ["ask 3 for 1 0..<100 again"]),
                (.noAddress, []),
                (.woke(canHedge: false), ["ask 1 for 1 0..<100 again"]),
                (.noAddress, []),
                (.woke(canHedge: false), ["ask 3 for 1 0..<100 again"]),
                (.asked(id), []),
                (.failed(.disconnected(0)), []),
                (.woke(canHedge: false), ["open 0+0"]),
                (opened([block(1, at: 0)], length: 100), ["ask 1 for 1 0..<100 again"]),
                (.asked(id), []),
                (.completed(checksum: 1), ["silent 1", "done"]),
            ])
        #expect(get.bad.map(\.node) == [nodes[1].node])
        #expect(get.faults.count == 5)
    }

    @Test("a value that was replaced, or is gone, is no value")
    func replaced() {
        var get = machine()
        let id = ReadID(index: RecordIndex(0))
        let gone = StreamFailure.refused(.notFound, ErrorReport(node: .none, text: ""))
        expect(
            &get,
            [
                (.began, ["open 0+0"]),
                (opened([block(1, at: 0)], length: 100), ["ask 1 for 1 0..<100"]),
                (.asked(id), []),
                (.failed(gone), ["ask 2 for 1 0..<100 again"]),
                (.asked(id), []),
                (.failed(gone), ["ask 3 for 1 0..<100 again"]),
                (.asked(id), []),
                (.failed(gone), ["open 0+0"]),
                (opened([block(9, at: 0)], value: 2, length: 100), ["end", "replaced"]),
                (.woke(canHedge: false), []),
            ])
    }

    @Test("waits for what may pass, says so once, and ends with the namenode's last word")
    func refusals() {
        var get = machine { $0.span = 4 * Self.second }
        let busy = GetEvent.notOpened(refused(.tooFewNodes))
        let woke = GetEvent.woke(canHedge: false)
        expect(
            &get,
            [
                (.began, ["open 0+0"]), (busy, ["waiting"]), (woke, ["open 0+0"]), (busy, []),
                (woke, ["open 0+0"]), (busy, ["failed: tooFewNodes"]),
            ])
        var other = machine()
        expect(
            &other,
            [(.began, ["open 0+0"]), (.notOpened(refused(.notFound)), ["failed: notFound"])])
    }

    @Test("asks a second replica of a slow one, and the third when both are out")
    func hedges() {
        var get = machine { $0.hedgePause = Self.second / 2 }
        let id = ReadID(index: RecordIndex(0))
        expect(
            &get,
            [
                (.began, ["open 0+0"]),
                (opened([block(1, at: 0)], length: 100), ["ask 1 for 1 0..<100"]),
                (.asked(id), []),
                (.woke(canHedge: true), ["hedge 2"]),
                (.narrowed(isRival: true, .timedOut), []),
                (.woke(canHedge: true), ["hedge 3"]),
                (.narrowed(isRival: false, nil), []),
                (.woke(canHedge: false), []),
                (.completed(checksum: 1), ["silent 1", "done"]),
            ])
    }

    @Test("what was passed on wrong, or cannot be, ends it")
    func output() {
        var get = machine()
        expect(
            &get,
            [
                (.began, ["open 0+0"]),
                (opened([block(1, at: 0)], length: 100), ["ask 1 for 1 0..<100"]),
                (.asked(ReadID(index: RecordIndex(0))), []),
                (.failed(.sink(ENOSPC)), ["end", "bad output"]),
            ])
    }
}
