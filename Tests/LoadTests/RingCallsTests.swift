import Client
import ControlClient
import FoundationEssentials
import Glibc
import Reactor
import Synchronization
import System
import TestSupport
import Testing
import Wire

/// A put's calls over the ring of its streams, against a scripted namenode.
@Suite(.serialized) struct RingCallsTests {
    private func engine() throws -> StreamEngine<KernelRing> {
        var settings = EngineSettings()
        settings.packetBytes = 4096
        settings.buffers = 2
        settings.controls = 1
        settings.calls = 2
        settings.callTimeout = 60_000_000_000
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        return try StreamEngine(ring: KernelRing(ring), settings: settings)
    }

    private func calls(_ namenode: FakeNamenode) throws -> RingCalls<String> {
        let address = SocketAddress(host: "127.0.0.1", port: namenode.endpoint.port)
        return RingCalls(
            to: namenode.endpoint, at: [try #require(address)],
            cluster: FakeNamenode.cluster, software: "test")
    }

    /// Turns until an event is there, at most a minute.
    private func next(_ engine: inout StreamEngine<KernelRing>) -> StreamEvent? {
        let end = engine.now + 60_000_000_000
        while engine.now < end {
            if let event = engine.nextEvent() { return event }
            engine.turn(waitUntil: engine.now + 1_000_000_000)
        }
        return nil
    }

    private func renewal() -> ControlRequest.OneOf_Operation { .renew(ControlRenew()) }

    @Test("a stream goes on while a renewal has no answer")
    func streamsGoOn() throws {
        let mayAnswer = Atomic<Bool>(false)
        let isAsked = Atomic<Bool>(false)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        try withExtendedLifetime(ends) {
            let namenode = FakeNamenode { peer, _ in
                guard peer.greet() != nil, let request = peer.request() else { return }
                isAsked.store(true, ordering: .releasing)
                while !mayAnswer.load(ordering: .acquiring) { usleep(1_000) }
                peer.answer(request)
            }
            var engine = try engine()
            var calls = try calls(namenode)
            #expect(calls.call("renew", renewal(), over: &engine))
            while !isAsked.load(ordering: .acquiring) {
                engine.turn(waitUntil: engine.now + 1_000_000)
                while let event = engine.nextEvent() {
                    let answers = calls.take(event, over: &engine)
                    try #require(answers?.isEmpty == true)
                }
            }
            // The source is read while the namenode says nothing.
            #expect(write(ends[1], "payload", 7) == 7)
            engine.peek(ends[0])
            guard case .peeked(_, let count) = next(&engine) else {
                Issue.record("the peek waits for the renewal")
                return mayAnswer.store(true, ordering: .releasing)
            }
            #expect(count == 7)
            mayAnswer.store(true, ordering: .releasing)
            let event = next(&engine)
            let answers = calls.take(try #require(event), over: &engine)
            #expect(answers?.map(\.purpose) == ["renew"])
            engine.shutDown()
            let isIdle = engine.isIdle
            #expect(isIdle)
        }
        close(ends[0])
        close(ends[1])
    }

    @Test("a call is refused at the bound; a connection that breaks fails every call")
    func failures() throws {
        let namenode = FakeNamenode { peer, _ in
            guard peer.greet() != nil else { return }
            _ = peer.request()
        }
        var engine = try engine()
        var calls = try calls(namenode)
        #expect(calls.call("one", renewal(), over: &engine))
        #expect(calls.call("two", renewal(), over: &engine))
        #expect(!calls.call("three", renewal(), over: &engine))
        var failed: [String] = []
        while failed.count < 2, let event = next(&engine) {
            for answer in calls.take(event, over: &engine) ?? [] {
                guard case .failure(.unreachable) = answer.result else {
                    Issue.record("\(answer.result)")
                    continue
                }
                failed.append(answer.purpose)
            }
        }
        #expect(failed.sorted() == ["one", "two"])
        engine.shutDown()
        let isIdle = engine.isIdle
        #expect(isIdle)
    }
}
