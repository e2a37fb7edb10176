import Client
import ControlClient
import FoundationEssentials
import Load
import Reactor
import System
import TestSupport
import Testing
import Wire

/// Calls over a `StreamEngine`'s own ring, against a scripted namenode.
@Suite(.serialized) struct ControlCallTests {
    private func engine(
        callsPerControl: Int = 8, timeout: UInt64 = 60_000_000_000
    ) throws -> StreamEngine<KernelRing> {
        var settings = EngineSettings()
        settings.packetBytes = 4096
        settings.buffers = 2
        settings.controls = 1
        settings.calls = 8
        settings.callsPerControl = callsPerControl
        settings.callTimeout = timeout
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        return try StreamEngine(ring: KernelRing(ring), settings: settings)
    }

    /// The next event, or `nil` when none comes within a minute.
    private func next(_ engine: inout StreamEngine<KernelRing>) -> StreamEvent? {
        let end = engine.now + 60_000_000_000
        while engine.now < end {
            if let event = engine.nextEvent() { return event }
            engine.turn(waitUntil: engine.now + 1_000_000_000)
        }
        return nil
    }

    private func connect(
        _ engine: inout StreamEngine<KernelRing>, _ namenode: FakeNamenode,
        cluster: ClusterID? = nil
    ) throws -> (ControlID, StreamEvent?) {
        let address = SocketAddress(host: "127.0.0.1", port: namenode.endpoint.port)
        let begun = engine.control(
            to: namenode.endpoint, at: try #require(address), cluster: cluster, software: "test")
        let id = try #require(begun)
        return (id, next(&engine))
    }

    private func open(_ key: String) -> ControlRequest.OneOf_Operation {
        var message = ControlOpen()
        message.key = key
        return .open(message)
    }

    @Test("answers in another order find their calls")
    func outOfOrder() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil else { return }
            let requests = (0..<5).compactMap { _ in peer.request() }
            for request in requests.reversed() {
                peer.answer(request) { $0.open.key = request.open.key }
            }
            _ = peer.body()
        }
        var engine = try engine()
        let (id, event) = try connect(&engine, namenode)
        guard case .controlOpened(id, FakeNamenode.cluster) = event else {
            Issue.record("the connection opened with \(String(describing: event))")
            return
        }
        var keys: [CallID: String] = [:]
        for number in 0..<5 {
            let call = engine.call(id, open("key \(number)"))
            keys[try #require(call)] = "key \(number)"
        }
        for _ in 0..<5 {
            guard case .replied(let call, let reply) = next(&engine) else {
                Issue.record("an answer is missing")
                return
            }
            #expect(keys.removeValue(forKey: call) == reply.open.key)
        }
        #expect(keys.isEmpty)
        end(&engine)
    }

    private func end(_ engine: inout StreamEngine<KernelRing>) {
        engine.stop()
        for _ in 0..<10 where !engine.isIdle {
            while engine.nextEvent() != nil {}
            engine.turn(waitUntil: engine.now + 1_000_000_000)
        }
        let isIdle = engine.isIdle
        #expect(isIdle)
    }

    @Test("an answer that comes byte by byte is one answer")
    func slow() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil, let request = peer.request() else { return }
            var reply = ControlReply()
            reply.requestID = request.requestID
            reply.open.key = "slow"
            do {
                for byte in try ControlFrame.encode(reply) { peer.send([byte]) }
            } catch { return }
            _ = peer.body()
        }
        var engine = try engine()
        let (id, _) = try connect(&engine, namenode)
        let call = engine.call(id, open("slow"))
        guard case .replied(call, let reply) = next(&engine) else {
            Issue.record("no answer")
            return
        }
        #expect(reply.open.key == "slow")
        end(&engine)
    }

    @Test("at the bound of calls there is no further one, and after an answer there is")
    func bound() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil, let first = peer.request() else { return }
            peer.answer(first)
            _ = peer.request()
            _ = peer.body()
        }
        var engine = try engine(callsPerControl: 2)
        let (id, event) = try connect(&engine, namenode)
        guard case .controlOpened = event else {
            Issue.record("the connection opened with \(String(describing: event))")
            return
        }
        let first = engine.call(id, open("1"))
        let second = engine.call(id, open("2"))
        let third = engine.call(id, open("3"))
        #expect(first != nil && second != nil && third == nil)
        guard case .replied(first, _) = next(&engine) else {
            Issue.record("no answer")
            return
        }
        let again = engine.call(id, open("3"))
        #expect(again != nil)
        end(&engine)
    }

    @Test("a connection that ends fails its calls, each by name, and then itself")
    func hangUp() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil else { return }
            _ = (peer.request(), peer.request())
        }
        var engine = try engine()
        let (id, _) = try connect(&engine, namenode)
        var left: Set<CallID> = []
        for number in 0..<2 {
            let call = engine.call(id, open("\(number)"))
            left.insert(try #require(call))
        }
        for _ in 0..<2 {
            guard case .callFailed(let call, .unreachable) = next(&engine) else {
                Issue.record("a call was forgotten")
                return
            }
            left.remove(call)
        }
        #expect(left.isEmpty)
        guard case .controlFailed(id, .unreachable) = next(&engine) else {
            Issue.record("the connection lives on")
            return
        }
        let call = engine.isOpen(id)
        #expect(!call)
        end(&engine)
    }

    @Test("a namenode that is silent is given up")
    func silent() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil else { return }
            _ = (peer.request(), peer.body())
        }
        var engine = try engine(timeout: 200_000_000)
        let (id, _) = try connect(&engine, namenode)
        let call = engine.call(id, open("1"))
        guard case .callFailed(call, .timedOut) = next(&engine) else {
            Issue.record("the call waits for ever")
            return
        }
        end(&engine)
    }

    @Test("what is no answer to a call of this connection ends it")
    func strange() throws {
        let answers: [@Sendable (FakeNamenode.Peer, ControlRequest) -> Void] = [
            { peer, request in
                var other = request
                other.requestID += 1 << 20
                peer.answer(other)
            },
            { peer, request in
                var other = request
                other.requestID = 0
                peer.answer(other) { $0.message = "what?" }
            },
            { peer, _ in peer.send([255, 255, 255, 127]) },
            { peer, _ in peer.send([3, 0, 0, 0, 255, 255, 255]) },
        ]
        for answer in answers {
            let namenode = FakeNamenode { peer, _ in
                guard peer.greet() != nil, let request = peer.request() else { return }
                answer(peer, request)
                _ = peer.body()
            }
            var engine = try engine()
            let (id, _) = try connect(&engine, namenode)
            let call = engine.call(id, open("1"))
            guard case .callFailed(call, .malformed) = next(&engine) else {
                Issue.record("it was taken for an answer")
                continue
            }
            end(&engine)
        }
    }

    @Test("another cluster's namenode, and nobody at all, are refused")
    func refused() throws {
        let namenode = FakeNamenode { peer, _ in _ = (peer.greet(), peer.body()) }
        var engine = try engine()
        let other = ClusterID(high: 9, low: 9)
        let (id, event) = try connect(&engine, namenode, cluster: other)
        guard
            case .controlFailed(
                id, .wrongCluster(expected: other, found: FakeNamenode.cluster)) = event
        else {
            Issue.record("it was taken: \(String(describing: event))")
            return
        }
        let nobody = Endpoint(host: "127.0.0.1", port: 1)
        let address = SocketAddress(host: "127.0.0.1", port: 1)
        var begun: ControlID?
        for _ in 0..<10 where begun == nil {
            engine.turn(waitUntil: engine.now + 10_000_000)
            begun = engine.control(
                to: nobody, at: try #require(address), cluster: nil, software: "test")
        }
        let second = try #require(begun)
        guard case .controlFailed(second, .unreachable) = next(&engine) else {
            Issue.record("port 1 was reached")
            return
        }
        end(&engine)
    }
}
