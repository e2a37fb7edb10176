import Client
import Reactor
import TestSupport
import Testing
import Wire

/// `flush` in the middle of a block, against a scripted node.
@Suite(.serialized) struct EngineFlushTests {
    private static let packet = 4096

    private func engine() throws -> StreamEngine<KernelRing> {
        var settings = EngineSettings()
        settings.packetBytes = Self.packet
        settings.buffers = 6
        settings.windowFrames = 6
        settings.progressTimeout = 2_000_000_000
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        return try StreamEngine(ring: KernelRing(ring), settings: settings)
    }

    /// Writes `frames` frames; when `flushAfter` are provided it flushes, and goes on when they are
    /// durable.
    private func write(
        _ behaviours: [FakeNode.Behaviour], frames: Int, flushAfter: Int?, every: UInt64? = nil
    ) throws -> (isSealed: Bool, FakeNode) {
        let node = FakeNode(behaviours)
        let peer = scriptedPeer { node.serve($0, $1) }
        var engine = try engine()
        var request = WriteRequest(
            block: BlockID(5), epoch: Epoch(1), opening: Granted.opening,
            address: peer.address, maxBytes: 1 << 20)
        request.flushEvery = every
        let begun = engine.write(request)
        let id = try #require(begun)
        var provided = 0
        var isSealed = false
        var waitsFor: UInt64?
        var grant: BufferIndex?
        var patience = Patience()
        while !isSealed, patience.turn(&engine) {
            while let event = engine.nextEvent() {
                switch event {
                case .wantsPayload(_, let buffer, _, let memory):
                    guard waitsFor == nil else {
                        grant = buffer
                        continue
                    }
                    guard provided < frames else {
                        engine.decline(id, buffer: buffer)
                        continue
                    }
                    memory.initializeMemory(as: UInt8.self, repeating: UInt8(provided))
                    provided += 1
                    engine.provide(id, buffer: buffer, count: memory.count)
                    if provided == flushAfter { waitsFor = engine.flush(id) }
                case .progress(_, let acked):
                    guard let end = waitsFor, acked.durable >= end else { continue }
                    waitsFor = nil
                    #expect(end == UInt64(provided * Self.packet))
                    if let buffer = grant { engine.decline(id, buffer: buffer) }
                case .sealed: isSealed = true
                case .writeFailed:
                    let isResumed = engine.resume(id)
                    #expect(isResumed)
                default: break
                }
            }
        }
        engine.stop()
        while !engine.isIdle, patience.turn(&engine) {}
        return (isSealed, node)
    }

    @Test func aFlushFollowsItsBytes() throws {
        let (isSealed, node) = try write([.good], frames: 3, flushAfter: 3)
        #expect(isSealed)
        #expect(node.state.withLock { $0.flushes } == [UInt64(3 * Self.packet)])
    }

    @Test func aNewStreamAsksAgain() throws {
        let (isSealed, node) = try write([.hangUpAtFlush, .good], frames: 3, flushAfter: 3)
        #expect(isSealed)
        let end = UInt64(3 * Self.packet)
        #expect(node.state.withLock { $0.flushes } == [end, end])
    }

    @Test func flushesComeByThemselvesAfterSoManyBytes() throws {
        let (isSealed, node) = try write(
            [.good], frames: 9, flushAfter: nil, every: UInt64(2 * Self.packet))
        #expect(isSealed)
        let ends = (1...4).map { UInt64(2 * $0 * Self.packet) }
        #expect(node.state.withLock { $0.flushes } == ends)
    }
}
