import Reactor
import System
import TestSupport
import Testing
import Wire

@testable import Client

/// One write as a state: what its stream sends next, what is believed of the answers, and how long
/// the chain may take. No connection and no ring.
struct BlockWriterTests {
    private static let frame = 2 * Limits.chunkBytes
    private static let address = SocketAddress(host: "127.0.0.1", port: 1).unsafelyUnwrapped
    private let settings: EngineSettings

    init() {
        var settings = EngineSettings()
        settings.packetBytes = Self.frame
        settings.windowFrames = 4
        settings.progressTimeout = 1000
        settings.sealDeadlines = 6
        self.settings = settings
    }

    private func writer(frames: Int, _ change: (inout WriteRequest) -> Void = { _ in })
        -> BlockWriter
    {
        var request = WriteRequest(
            block: BlockID(5), epoch: Epoch(1), opening: Granted.opening,
            address: Self.address, maxBytes: 1 << 30)
        request.length = UInt64(frames * Self.frame)
        change(&request)
        return BlockWriter(request, windowFrames: settings.windowFrames)
    }

    /// Fills the next frame, in buffer `buffer`.
    private func fill(_ writer: inout BlockWriter, buffer: BufferIndex) throws {
        let next = writer.nextFill(settings)
        let record = writer.reserve(buffer, try #require(next), as: 0)
        writer.filled(buffer, record.wanted)
    }

    /// Sends whatever comes next.
    private func send(_ writer: inout BlockWriter) -> String {
        var random = Seeded(1)
        switch writer.nextToSend() {
        case .nothing: return "nothing"
        case .opening:
            let header = writer.open(isNextReady: false, using: &random)
            writer.checkProof(answer(header, proof: Granted.key.proof(of: header)))
            return "opening"
        case .flush: return "flush \(writer.askFlush().length)"
        case .seal: return "seal \(writer.askSeal().length)"
        case .frame(let frame):
            var header = FrameHeader(.data)
            header.offset = frame.offset
            header.payloadLength = frame.length
            header.pieceCount = UInt16(
                FrameHeader.pieces(offset: frame.offset, length: frame.length))
            return "\(writer.send(frame, header) ? "frame" : "again") \(frame.offset)"
        }
    }

    private func answer(_ opening: FrameHeader, proof: StreamProof) -> FrameHeader {
        var header = FrameHeader(.ack)
        header.block = opening.block
        header.epoch = opening.epoch
        header.proof = proof
        return header
    }

    private func ack(_ progress: Progress, block: UInt64 = 5) -> FrameHeader {
        var header = FrameHeader(.ack)
        header.block = BlockID(block)
        header.epoch = Epoch(1)
        header.progress = progress
        return header
    }

    @Test("credentials, frames in order, a flush behind its frames, and the seal last")
    func order() throws {
        var writer = writer(frames: 3)
        writer.connection = 7
        let end = UInt64(2 * Self.frame)
        try fill(&writer, buffer: 0)
        try fill(&writer, buffer: 1)
        let flushed = writer.wantFlush()
        #expect(flushed == end)
        var sent = (0..<4).map { _ in send(&writer) }
        #expect(sent == ["opening", "frame 0", "frame \(Self.frame)", "flush \(end)"])
        #expect(send(&writer) == "nothing")
        try fill(&writer, buffer: 2)
        sent = (0..<3).map { _ in send(&writer) }
        #expect(sent == ["frame \(end)", "seal \(3 * Self.frame)", "nothing"])
        writer.checkInvariants(settings)
    }

    @Test("a new stream sends everything unacked again, and asks again for what was asked")
    func resumed() throws {
        var writer = writer(frames: 2)
        writer.connection = 7
        try fill(&writer, buffer: 0)
        try fill(&writer, buffer: 1)
        _ = writer.wantFlush()
        for _ in 0..<5 { _ = send(&writer) }
        let isNew = try writer.advance(to: ack(Progress(received: UInt64(Self.frame))))
        #expect(isNew)
        writer.connection = nil
        writer.stop(.timedOut)
        writer.checkInvariants(settings)
        writer.resume()
        let sent = (0..<5).map { _ in send(&writer) }
        let (middle, end) = (Self.frame, 2 * Self.frame)
        #expect(sent == ["opening", "again 0", "again \(middle)", "flush \(end)", "seal \(end)"])
    }

    @Test("only the node that was asked is heard, and only of this block and what was sent")
    func heard() throws {
        var writer = writer(frames: 2)
        writer.connection = 7
        let some = ack(Progress(received: 1))
        #expect(throws: StreamFailure.unproven) { _ = try writer.advance(to: some) }
        _ = send(&writer)
        #expect(throws: StreamFailure.protocolError("an answer about another block")) {
            _ = try writer.advance(to: ack(Progress(), block: 6))
        }
        // Before its first ack the bytes may be somebody else's; afterwards it breaks the rules.
        #expect(throws: StreamFailure.writtenBefore) { _ = try writer.advance(to: some) }
        _ = writer.answer()
        #expect(throws: StreamFailure.protocolError("an ack against the rules (beyondSent)")) {
            _ = try writer.advance(to: some)
        }
    }

    @Test("a chain has one span for data, more for what waits for devices, and none for nothing")
    func patience() throws {
        var writer = writer(frames: 1) { $0.sealLevel = .durable }
        var spans: [UInt64?] = [writer.deadline(settings)]
        writer.connection = 7
        spans.append(writer.deadline(settings))
        _ = send(&writer)
        _ = writer.answer()
        spans.append(writer.deadline(settings))
        try fill(&writer, buffer: 0)
        _ = send(&writer)
        spans.append(writer.deadline(settings))
        _ = send(&writer)
        spans.append(writer.deadline(settings))
        let end = UInt64(Self.frame)
        _ = try writer.advance(to: ack(Progress(received: end, written: end)))
        while writer.window.popAcked() != nil {}
        spans.append(writer.deadline(settings))
        #expect(spans == [nil, 1000, nil, 1000, 1000, 6000])
    }

    @Test("without a length one frame is filled at a time, and the source's end ends the block")
    func unknownLength() throws {
        var writer = writer(frames: 1) { $0.length = nil }
        writer.connection = 7
        let first = writer.nextFill(settings)
        let record = writer.reserve(3, try #require(first), as: 0)
        let second = writer.nextFill(settings)
        #expect(second == nil)
        writer.endSource(at: record.header.offset + 10)
        writer.filled(3, 10)
        let isComplete = writer.isComplete
        #expect(isComplete)
        let sent = (0..<3).map { _ in send(&writer) }
        #expect(sent == ["opening", "frame 0", "seal 10"])
        writer.checkInvariants(settings)
    }
}
