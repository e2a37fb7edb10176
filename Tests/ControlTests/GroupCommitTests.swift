import Control
import Dispatch
import Logging
import Synchronization
import System
import Testing
import Wire

/// Commits that end when the test says so.
private final class Gate: BatchSink {
    typealias Done = @Sendable (Result<Void, StoreFailure>) -> Void

    private let sink: any BatchSink
    private let waiting = Mutex<[Done]>([])
    let begun = DispatchSemaphore(value: 0)

    init(_ sink: any BatchSink) { self.sink = sink }

    func write(_ batch: Pending, _ done: @escaping Done) {
        sink.write(batch) { _ in }
        waiting.withLock { $0.append(done) }
        begun.signal()
    }

    func checkPlace() throws(StoreFailure) {}
    func close() throws(StoreFailure) {}

    /// Ends the commit that is under way; answers how many there were.
    func end(_ result: Result<Void, StoreFailure> = .success(())) -> Int {
        let all = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for done in all { done(result) }
        return all.count
    }
}

/// Ends every commit as soon as it begins, on a queue of its own.
private final class Ending: Sendable {
    private let commits = Mutex(0)
    private let isOver = Mutex(false)
    private let over = DispatchSemaphore(value: 0)
    private let gate: Gate

    init(_ gate: Gate) {
        self.gate = gate
        DispatchQueue(label: "ending").async { self.run() }
    }

    private func run() {
        while true {
            gate.begun.wait()
            if isOver.withLock({ $0 }) { break }
            let ended = gate.end()
            commits.withLock { $0 += ended }
        }
        over.signal()
    }

    /// Stops; answers how many commits there were.
    func finish() -> Int {
        isOver.withLock { $0 = true }
        gate.begun.signal()
        over.wait()
        return commits.withLock { $0 }
    }
}

@Suite("Replies wait for their commit")
struct GroupCommitTests {
    private func begin(
        onFailure: @escaping @Sendable (StoreFailure) -> Void
    ) throws -> (NamenodeServer, UInt16, Gate) {
        var settings = NamenodeSettings()
        settings.replicas = 1
        let namenode = Namenode(
            cluster: Desk.cluster, secret: Desk.secret, settings: settings,
            locations: LocationMap(), now: BootClock.milliseconds, generator: Seeded(1))
        let engine = MemoryEngine()
        try engine.create(cluster: Desk.cluster, firstNumber: 1)
        var loaded = try engine.load(cluster: Desk.cluster, now: 0, boot: "boot")
        let gate = Gate(loaded.sink)
        loaded.sink = gate
        let server = NamenodeServer(
            engine: Engine(namenode: namenode, store: NamespaceOverlay(loaded)),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onFailure: onFailure)
        let port = try server.start()
        // The first commit is of the signing keys.
        gate.begun.wait()
        #expect(gate.end() == 1)
        return (server, port, gate)
    }

    private func datanode(port: UInt16, _ gate: Gate) throws -> Peer {
        let peer = try Peer(port: port)
        let hello = try peer.greet { $0.role = .datanode }
        let register = FakeNode(1).register(
            challenge: Array(hello.challenge), secret: Desk.secret)
        try peer.send(Peer.request(.register(register), id: 1))
        gate.begun.wait()
        #expect(gate.end() == 1)
        #expect(try peer.receiveReply().code == .ok)
        return peer
    }

    private func create(_ key: String) -> ControlRequest.OneOf_Operation {
        var message = ControlCreate()
        message.key = key
        return .create(message)
    }

    @Test func requestsThatArriveDuringACommitShareTheNextOne() throws {
        let (server, port, gate) = try begin { _ in Issue.record("no commit failed") }
        _ = try datanode(port: port, gate)
        let peer = try Peer(port: port)
        _ = try peer.greet()
        try peer.send(Peer.request(create("k1"), id: 1))
        gate.begun.wait()
        for number in 2...9 as ClosedRange<UInt64> {
            try peer.send(Peer.request(create("k\(number)"), id: number))
        }
        #expect(gate.end() == 1)
        #expect(try peer.receiveReply().requestID == 1)
        // How many of the eight each commit takes depends on when they come in; they leave in
        // order, and each only after a commit that began after it came.
        let ending = Ending(gate)
        for number in 2...9 as ClosedRange<UInt64> {
            #expect(try peer.receiveReply().requestID == number)
        }
        #expect((1...8).contains(ending.finish()))
        stop(server, gate)
    }

    @Test func aFailedCommitAnswersNobody() throws {
        let failed = DispatchSemaphore(value: 0)
        let (server, port, gate) = try begin { _ in failed.signal() }
        _ = try datanode(port: port, gate)
        let peer = try Peer(port: port)
        _ = try peer.greet()
        try peer.send(Peer.request(create("a"), id: 1))
        gate.begun.wait()
        #expect(gate.end(.failure(StoreFailure("the disk is gone"))) == 1)
        failed.wait()
        stop(server, gate)
        #expect(try peer.isClosed())
    }

    private func stop(_ server: NamenodeServer, _ gate: Gate) {
        let done = DispatchSemaphore(value: 0)
        server.stop { done.signal() }
        _ = gate.end()
        done.wait()
    }
}
