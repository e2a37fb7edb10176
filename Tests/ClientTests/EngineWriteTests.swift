import Client
import Glibc
import Reactor
import System
import TestSupport
import Testing
import Wire

/// A `StreamEngine` against a scripted peer on real sockets, fed by a generator.
@Suite(.serialized) struct EngineWriteTests {
    private static let packet = 16 << 10
    private let data: [UInt8]

    init() {
        var random = Seeded(11)
        data = random.bytes(20 * Self.packet + 123)
    }

    private func settings() -> EngineSettings {
        var settings = EngineSettings()
        settings.packetBytes = Self.packet
        settings.buffers = 6
        settings.windowFrames = 6
        settings.connections = 4
        settings.progressTimeout = 200_000_000
        return settings
    }

    private func engine() throws -> StreamEngine<KernelRing> {
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        return try StreamEngine(ring: KernelRing(ring), settings: settings())
    }

    private func request(_ peer: LoopbackServer, isKnown: Bool) -> WriteRequest {
        var request = WriteRequest(
            block: BlockID(5), epoch: Epoch(1), opening: Granted.opening,
            address: peer.address, maxBytes: 1 << 20)
        request.length = isKnown ? UInt64(data.count) : nil
        return request
    }

    private enum End {
        case sealed(BlockSeal)
        case failed(StreamFailure)
    }

    /// Runs until the write ended; a stopped one is resumed `resumes` times.
    private func run(
        _ engine: inout StreamEngine<KernelRing>, _ id: WriteID, resumes: Int = 0
    ) -> End {
        var left = resumes
        var patience = Patience()
        while patience.turn(&engine) {
            while let event = engine.nextEvent() {
                switch event {
                case .wantsPayload(let id, let buffer, let offset, let memory):
                    let rest = data.dropFirst(Int(offset)).prefix(memory.count)
                    guard !rest.isEmpty else {
                        engine.decline(id, buffer: buffer)
                        continue
                    }
                    memory.copyBytes(from: rest)
                    engine.provide(id, buffer: buffer, count: rest.count)
                case .sealed(_, let seal): return .sealed(seal)
                case .writeFailed(_, let failure):
                    guard left > 0 else { return .failed(failure) }
                    left -= 1
                    let isResumed = engine.resume(id)
                    #expect(isResumed)
                default: break
                }
            }
        }
        return .failed(.timedOut)
    }

    /// Every buffer and connection comes back.
    private func finish(_ engine: inout StreamEngine<KernelRing>) {
        engine.stop()
        var patience = Patience()
        while !engine.isIdle, patience.turn(&engine) {}
        let free = engine.freeBuffers
        #expect(free == settings().buffers)
    }

    private func write(
        _ behaviours: [FakeNode.Behaviour], isKnown: Bool = true, resumes: Int = 0
    ) throws -> (End, FakeNode, Int) {
        let node = FakeNode(behaviours)
        let peer = scriptedPeer { node.serve($0, $1) }
        var engine = try engine()
        let begun = engine.write(request(peer, isKnown: isKnown))
        let id = try #require(begun)
        let end = run(&engine, id, resumes: resumes)
        finish(&engine)
        return (end, node, peer.accepted)
    }

    private func expectSealed(_ end: End, _ node: FakeNode) {
        guard case .sealed(let seal) = end else {
            Issue.record("the write ended with \(end)")
            return
        }
        let bytes = node.state.withLock { $0.bytes }
        #expect(bytes == data)
        #expect(seal.receipt.receipt.checksum == CRC32C.of(data))
        #expect(seal.receipt.receipt.length == UInt64(data.count))
    }

    @Test("a block of known and of unknown length", arguments: [true, false])
    func good(isKnown: Bool) throws {
        let (end, node, connections) = try write([.good], isKnown: isKnown)
        expectSealed(end, node)
        #expect(connections == 1)
        #expect(node.state.withLock { $0.duplicates } == 0)
    }

    @Test("the last data frame promises the seal, and the seal promises nothing")
    func more() throws {
        let (end, node, _) = try write([.good])
        expectSealed(end, node)
        #expect(node.state.withLock { $0.moreFlags.last } == true)
    }

    @Test("lost acks and a lost connection are covered by sending again, cut as before")
    func resend() throws {
        let (end, node, connections) = try write(
            [.hangUp(after: 3), .silent, .good], resumes: 2)
        expectSealed(end, node)
        #expect(connections == 3)
        #expect(node.state.withLock { $0.duplicates } > 0)
    }

    /// How a write fails with a node that behaves so.
    private func failure(_ behaviour: FakeNode.Behaviour) throws -> StreamFailure {
        let (end, _, _) = try write([behaviour])
        guard case .failed(let failure) = end else {
            throw UnexpectedEnd(behaviour: behaviour, end: end)
        }
        return failure
    }

    private struct UnexpectedEnd: Error {
        let behaviour: FakeNode.Behaviour
        let end: End
    }

    @Test("a window's worth is kept until it is acked, and no more is taken")
    func bounded() throws {
        let (end, node, _) = try write([.late])
        guard case .failed(.timedOut) = end else {
            Issue.record("the write ended with \(end)")
            return
        }
        #expect(node.state.withLock { $0.bytes.count } == 6 * Self.packet)
    }

    @Test("an error frame says who and why")
    func refused() throws {
        let culprit = NodeID(high: 1, low: 2)
        for after in [0, 2] {
            let failure = try failure(.refuse(after: after, .nextHopFailed, culprit))
            #expect(failure.status == .nextHopFailed)
            #expect(failure.blamed == culprit)
        }
    }

    @Test("what breaks the protocol ends the stream")
    func protocolErrors() throws {
        let cases: [FakeNode.Behaviour] = [
            .garbage, .wrongStream, .wrongBlock, .ackBack, .wrongReceipt,
        ]
        for behaviour in cases {
            let failure = try failure(behaviour)
            guard case .protocolError = failure else {
                Issue.record("\(behaviour) ended with \(failure)")
                continue
            }
        }
    }

    @Test("a first answer beyond what was sent is about another writer's bytes")
    func writtenBefore() throws {
        #expect(try failure(.ackBeyond) == .writtenBefore)
    }

    @Test("half a header and a hang-up are a broken connection")
    func halfHeader() throws {
        let failure = try failure(.halfHeader)
        guard case .disconnected = failure else {
            Issue.record("the write ended with \(failure)")
            return
        }
    }

    @Test("nobody listens")
    func unreachable() throws {
        var engine = try engine()
        var request = request(scriptedPeer { _, _ in }, isKnown: true)
        request.address = SocketAddress(host: "127.0.0.1", port: 1)!
        let begun = engine.write(request)
        guard case .failed(.unreachable(ECONNREFUSED)) = run(&engine, try #require(begun)) else {
            Issue.record("port 1 was reached")
            return
        }
        finish(&engine)
    }

    @Test("a connection is used again for the next block to the same head")
    func reuse() throws {
        let nodes = [FakeNode([.good]), FakeNode([.good])]
        let peer = scriptedPeer { _, socket in
            // One connection, two blocks: the first node's bytes are complete after its seal.
            TwoBlocks(nodes).serve(socket)
        }
        var engine = try engine()
        for _ in 0..<2 {
            let begun = engine.write(request(peer, isKnown: true))
            guard case .sealed = run(&engine, try #require(begun)) else {
                Issue.record("a good write is sealed")
                return
            }
        }
        finish(&engine)
        #expect(peer.accepted == 1)
        for node in nodes { #expect(node.state.withLock { $0.bytes } == data) }
    }

    @Test("no ack and no seal of who proves nothing counts")
    func unproven() throws {
        let node = FakeNode([.unproven])
        let peer = scriptedPeer { node.serve($0, $1) }
        var engine = try engine()
        let begun = engine.write(request(peer, isKnown: true))
        let id = try #require(begun)
        guard case .failed(let failure) = run(&engine, id) else {
            Issue.record("an impostor sealed")
            return
        }
        #expect(failure == .unproven)
        #expect(failure.isFinal && failure.status == .unproven)
        // Everything is still to be sent to somebody else.
        let isInMemory = engine.isInMemory(id)
        #expect(isInMemory)
        engine.end(id)
        finish(&engine)
    }

    @Test(
        "an error without a proof is heard as the node's own",
        arguments: [
            (Status.busy, Status.busy), (.noSpace, .noSpace), (.badVersion, .badVersion),
            (.tokenExpired, .tokenExpired), (.tokenWrongNode, .unproven), (.conflict, .unproven),
            (.sealed, .unproven), (.nextHopFailed, .unproven),
        ])
    func unprovenRefusal(said: Status, heard: Status) throws {
        let node = FakeNode([.unprovenRefusal(said)])
        let peer = scriptedPeer { node.serve($0, $1) }
        var engine = try engine()
        let begun = engine.write(request(peer, isKnown: true))
        let id = try #require(begun)
        guard case .failed(let failure) = run(&engine, id) else {
            Issue.record("an impostor sealed")
            return
        }
        #expect(failure.status == heard)
        #expect(failure.blamed == nil)
        engine.end(id)
        finish(&engine)
    }

    @Test("bytes that are all in memory move to another chain")
    func move() throws {
        let first = FakeNode([.refuse(after: 1, .noSpace, NodeID(high: 1, low: 1))])
        let second = FakeNode([.late])
        let peers = [first, second].map { node in scriptedPeer { node.serve($0, $1) } }
        var engine = try engine()
        var small = request(peers[0], isKnown: true)
        small.length = UInt64(3 * Self.packet)
        let begun = engine.write(small)
        let id = try #require(begun)
        guard case .failed(let failure) = run(&engine, id) else {
            Issue.record("a node without room sealed")
            return
        }
        #expect(failure.status == .noSpace)
        let isInMemory = engine.isInMemory(id)
        #expect(isInMemory)
        let isMoved = engine.move(
            id, block: BlockID(6), epoch: Epoch(1), opening: Granted.opening,
            address: peers[1].address)
        #expect(isMoved)
        guard case .sealed(let seal) = run(&engine, id) else {
            Issue.record("the second chain seals")
            return
        }
        #expect(seal.receipt.receipt.block == BlockID(6))
        #expect(second.state.withLock { $0.bytes } == Array(data.prefix(3 * Self.packet)))
        finish(&engine)
    }
}

/// One connection that carries two blocks, each to a node of its own.
private struct TwoBlocks {
    let nodes: [FakeNode]

    init(_ nodes: [FakeNode]) { self.nodes = nodes }

    func serve(_ socket: PeerSocket) {
        for node in nodes { node.serveOne(socket) }
        _ = socket.frame()
    }
}
