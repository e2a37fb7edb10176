import Client
import Glibc
import Reactor
import System
import TestSupport
import Testing
import Wire

/// A `StreamEngine` that reads from scripted replicas on real sockets, into files and pipes.
@Suite(.serialized) struct EngineReadTests {
    private static let frame = 2 * Limits.chunkBytes
    private let data: [UInt8]

    init() {
        var random = Seeded(12)
        data = random.bytes(11 * Limits.chunkBytes + 77)
    }

    private func engine() throws -> StreamEngine<KernelRing> {
        var settings = EngineSettings()
        settings.packetBytes = Self.frame
        settings.buffers = 4
        settings.windowFrames = 4
        settings.connections = 4
        settings.progressTimeout = 200_000_000
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 256
        ring.files = 1
        return try StreamEngine(ring: KernelRing(ring), settings: settings)
    }

    private func request(_ peer: LoopbackServer, _ range: Range<UInt64>) -> ReadRequest {
        ReadRequest(
            assembly: ReadAssembly(
                block: BlockID(5), epoch: Epoch(1), blockLength: UInt64(data.count), range: range),
            opening: Granted.opening, address: peer.address)
    }

    /// Reads a range into memory; after a failure the same peer is asked again, as another replica
    /// would be.
    private func read(
        _ behaviours: [FakeReplica.Behaviour], _ wanted: Range<UInt64>? = nil
    ) throws -> (bytes: [UInt8], failures: [StreamFailure], asked: [Range<UInt64>]) {
        let replica = FakeReplica(data, frameBytes: Self.frame, behaviours)
        let peer = scriptedPeer { replica.serve($0, $1) }
        let range = wanted ?? 0..<UInt64(data.count)
        var engine = try engine()
        let begun = engine.read(request(peer, range))
        let id = try #require(begun)
        var bytes: [UInt8] = []
        var failures: [StreamFailure] = []
        var checksum: UInt32?
        var patience = Patience()
        while checksum == nil && failures.count < behaviours.count, patience.turn(&engine) {
            while let event = engine.nextEvent() {
                switch event {
                case .payload(let id, let buffer, let offset, let memory):
                    #expect(offset == range.lowerBound + UInt64(bytes.count))
                    bytes += memory
                    engine.consumed(id, buffer: buffer)
                case .readFailed(let id, let failure):
                    failures.append(failure)
                    guard failures.count < behaviours.count else { continue }
                    let isOn = engine.redirect(id, to: peer.address, opening: Granted.opening)
                    #expect(isOn)
                case .readCompleted(_, let sum): checksum = sum
                default: break
                }
            }
        }
        if checksum == nil { engine.end(id) }
        #expect(checksum == nil || checksum == CRC32C.of(bytes))
        finish(&engine)
        return (bytes, failures, replica.requests.withLock { $0 })
    }

    private func finish(_ engine: inout StreamEngine<KernelRing>) {
        engine.stop()
        var patience = Patience()
        while !engine.isIdle, patience.turn(&engine) {}
        let free = engine.freeBuffers
        #expect(free == 4)
    }

    @Test("whole blocks and ranges", arguments: [(0, 720_973), (1, 65_537), (70_000, 70_001)])
    func ranges(from: UInt64, to: UInt64) throws {
        let (bytes, failures, _) = try read([.good], from..<to)
        #expect(failures.isEmpty)
        #expect(bytes == Array(data[Int(from)..<Int(to)]))
    }

    @Test("the next replica goes on behind the last verified byte")
    func nextReplica() throws {
        let (bytes, failures, asked) = try read([
            .hangUp(after: 2), .corrupt(1), .shortFrame(after: 2), .silent, .good,
        ])
        #expect(bytes == data)
        #expect(failures.count == 4)
        #expect(failures[1] == .corrupt(UInt64(3 * Self.frame)))
        #expect(failures[3] == .timedOut)
        let starts = asked.map { Int($0.lowerBound) / Self.frame }
        #expect(starts == [0, 2, 3, 5, 5])
    }

    @Test("nothing is taken from who proves nothing")
    func unproven() throws {
        let (bytes, failures, asked) = try read([.unproven, .unproven, .good])
        #expect(failures == [.unproven, .unproven])
        #expect(asked.map(\.lowerBound) == [0, 0, 0])
        #expect(bytes == data)
    }

    @Test("no byte of a bad frame is given to anybody")
    func corrupt() throws {
        let (bytes, failures, _) = try read([.corrupt(0)])
        #expect(failures == [.corrupt(0)])
        #expect(bytes.isEmpty)
    }

    @Test("what breaks the protocol ends the stream")
    func protocolErrors() throws {
        for behaviour in [FakeReplica.Behaviour.wrongStream, .wrongBlock, .wrongOffset] {
            let (_, failures, _) = try read([behaviour])
            guard case .protocolError = failures.first else {
                Issue.record("\(behaviour) ended with \(failures)")
                continue
            }
        }
    }

    @Test("an error frame says why")
    func refused() throws {
        let (bytes, failures, _) = try read([.refuse(.tokenExpired), .good])
        #expect(failures.map(\.status) == [.tokenExpired])
        #expect(bytes == data)
    }

    @Test("a file gets every byte at its place, and a slow pipe in order")
    func sinks() throws {
        let replica = FakeReplica(data, frameBytes: Self.frame, [.good])
        let peer = scriptedPeer { replica.serve($0, $1) }
        let stream = tmpfile()
        defer { fclose(stream) }
        let file = fileno(stream)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        var engine = try engine()
        for sink in [
            PayloadFile(descriptor: file, position: 5),
            PayloadFile(descriptor: ends[1], position: nil),
        ] {
            var request = request(peer, 100..<UInt64(data.count))
            request.sink = sink
            let begun = engine.read(request)
            _ = try #require(begun)
            let isPipe = sink.position == nil
            let got = complete(&engine, readEnd: isPipe ? ends[0] : nil)
            if isPipe { #expect(got == Array(data.dropFirst(100))) }
        }
        var bytes = [UInt8](repeating: 0, count: data.count)
        #expect(pread(file, &bytes, bytes.count, 5) == data.count - 100)
        #expect(Array(bytes.prefix(data.count - 100)) == Array(data.dropFirst(100)))
        close(ends[0])
        close(ends[1])
        finish(&engine)
    }

    private func complete(
        _ engine: inout StreamEngine<KernelRing>, readEnd: Int32?
    ) -> [UInt8] {
        var got: [UInt8] = []
        if let readEnd { _ = fcntl(readEnd, F_SETFL, O_NONBLOCK) }
        var isOver = false
        var patience = Patience()
        while !isOver, patience.turn(&engine, span: readEnd == nil ? 1_000_000_000 : 5_000_000) {
            while let event = engine.nextEvent() {
                if case .readCompleted = event { isOver = true }
                if case .readFailed(_, let failure) = event {
                    Issue.record("the read failed: \(failure)")
                    isOver = true
                }
            }
            guard let readEnd else { continue }
            var bytes = [UInt8](repeating: 0, count: 30_000)
            var count = Glibc.read(readEnd, &bytes, bytes.count)
            while count > 0 {
                got += bytes.prefix(count)
                count = isOver ? Glibc.read(readEnd, &bytes, bytes.count) : 0
            }
        }
        return got
    }

    @Test("a sink that fails ends the read with its errno")
    func brokenSink() throws {
        let replica = FakeReplica(data, frameBytes: Self.frame, [.good])
        let peer = scriptedPeer { replica.serve($0, $1) }
        var engine = try engine()
        var request = request(peer, 0..<UInt64(data.count))
        let file = open("/dev/full", O_WRONLY)
        defer { close(file) }
        request.sink = PayloadFile(descriptor: file, position: nil)
        let begun = engine.read(request)
        _ = try #require(begun)
        var failure: StreamFailure?
        var patience = Patience()
        while failure == nil, patience.turn(&engine) {
            while let event = engine.nextEvent() {
                if case .readFailed(_, let found) = event { failure = found }
            }
        }
        #expect(failure == .sink(ENOSPC))
        finish(&engine)
    }
}
