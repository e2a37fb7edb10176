import Client
import Reactor
import System
import TestSupport
import Testing
import Wire

/// A read that asks a second replica because the first one is slow.
@Suite(.serialized) struct EngineHedgeTests {
    private static let frame = 2 * Limits.chunkBytes
    private let data: [UInt8]

    init() {
        var random = Seeded(13)
        data = random.bytes(5 * Limits.chunkBytes + 7)
    }

    private struct Narrowed: Equatable {
        let isRival: Bool
        let failure: StreamFailure?
    }

    private struct End {
        var narrowed: [Narrowed] = []
        var failures: [StreamFailure] = []
        var bytes: [UInt8] = []
        var isComplete = false
    }

    /// Reads the block from two replicas at once.
    private func read(
        _ first: FakeReplica.Behaviour, _ second: FakeReplica.Behaviour
    ) throws -> End {
        let replicas = [first, second].map { FakeReplica(data, frameBytes: Self.frame, [$0]) }
        let peers = replicas.map { replica in scriptedPeer { replica.serve($0, $1) } }
        var settings = EngineSettings()
        settings.packetBytes = Self.frame
        settings.buffers = 4
        settings.windowFrames = 4
        settings.connections = 4
        settings.progressTimeout = 300_000_000
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        var engine = try StreamEngine(ring: KernelRing(ring), settings: settings)
        let request = ReadRequest(
            assembly: ReadAssembly(
                block: BlockID(5), epoch: Epoch(1), blockLength: UInt64(data.count),
                range: 0..<UInt64(data.count)),
            opening: Granted.opening, address: peers[0].address)
        let begun = engine.read(request)
        let id = try #require(begun)
        let isAsked =
            engine.canHedge(id)
            && engine.hedge(id, to: peers[1].address, opening: Granted.opening)
        #expect(isAsked)
        var end = End()
        var patience = Patience()
        while !end.isComplete && end.failures.isEmpty, patience.turn(&engine) {
            while let event = engine.nextEvent() { take(event, &engine, &end) }
        }
        if !end.isComplete { engine.end(id) }
        engine.stop()
        while !engine.isIdle, patience.turn(&engine) {}
        let free = engine.freeBuffers
        #expect(free == 4)
        return end
    }

    private func take(
        _ event: StreamEvent, _ engine: inout StreamEngine<KernelRing>, _ end: inout End
    ) {
        switch event {
        case .payload(let id, let buffer, _, let memory):
            end.bytes += memory
            engine.consumed(id, buffer: buffer)
            let canHedge = engine.canHedge(id)
            #expect(!canHedge)
        case .readNarrowed(_, let isRival, let failure):
            end.narrowed.append(Narrowed(isRival: isRival, failure: failure))
        case .readFailed(_, let failure): end.failures.append(failure)
        case .readCompleted: end.isComplete = true
        default: break
        }
    }

    @Test("who sends data first has the read; every byte comes once")
    func theFasterOne() throws {
        let late = try read(.silent, .good)
        #expect(late.isComplete && late.bytes == data)
        #expect(late.narrowed == [Narrowed(isRival: false, failure: nil)])
        let early = try read(.good, .silent)
        #expect(early.isComplete && early.bytes == data)
        #expect(early.narrowed == [Narrowed(isRival: true, failure: nil)])
        let both = try read(.good, .good)
        #expect(both.isComplete && both.bytes == data)
        #expect(both.narrowed.count == 1 && both.narrowed[0].failure == nil)
    }

    @Test("one that refuses leaves the read to the other")
    func oneRefuses() throws {
        let first = try read(.refuse(.notFound), .good)
        #expect(first.isComplete && first.bytes == data && first.narrowed.count == 1)
        let second = try read(.silent, .refuse(.busy))
        #expect(second.narrowed.map(\.isRival) == [true])
        #expect(second.narrowed.first?.failure?.status == .busy)
        #expect(second.failures == [.timedOut])
    }

    @Test("one that cannot prove itself does not win")
    func oneIsAnImpostor() throws {
        let end = try read(.unproven, .good)
        #expect(end.isComplete && end.bytes == data)
        #expect(end.narrowed.count == 1 && end.narrowed[0].isRival == false)
    }

    @Test("two silent ones cost one deadline")
    func bothSilent() throws {
        let end = try read(.silent, .silent)
        #expect(end.narrowed == [Narrowed(isRival: true, failure: .timedOut)])
        #expect(end.failures == [.timedOut] && end.bytes.isEmpty)
    }
}
