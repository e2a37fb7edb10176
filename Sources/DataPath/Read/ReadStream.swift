import Reactor
import Transport
import Wire

/// A read stream, by its place in the slab of them.
typealias ReaderIndex = RecordIndex<ReadStream>

/// One range of a sealed block, or of a durable prefix, on its way to a reader: device reads run
/// ahead of the sends.
struct ReadStream: ~Copyable {
    let block: BlockID
    let epoch: Epoch
    let device: Int
    var connection: ConnectionIndex
    let offset: UInt64
    let length: UInt64

    var descriptor = Descriptor.none
    var pending: Int32 = 0
    var isEnding = false
    var isClosing = false
    var blockLength: UInt64 = 0
    /// The range in whole chunks.
    var next: UInt64 = 0
    var end: UInt64 = 0
    var checksums: [UInt32] = []
    var firstChunk = 0
    /// The buffer that header and table are read into.
    var metadata: BufferIndex?
    var metadataTransfer = PageTransfer.headers
    /// The header copy whose checksums count, when they are in a table.
    var header: BlockHeader?
    var isLoaded = false

    /// Buffers in the order of their offsets; the first is sent when its bytes are there.
    var queue = InlineArray<64, BufferIndex>(repeating: BufferIndex(0))
    var head = 0
    var count = 0
    var sent = 0
    var isSending = false
    /// The first one has its header (as `ForwardQueue.isEncoded`).
    var isEncoded = false
    /// When the send in flight began.
    var sendingSince: UInt64 = 0
    /// It holds no buffer and waits for one.
    var isStarved = false
    /// Its send was asked to end, for others wait for its buffers.
    var isYielding = false
    /// A frame that is sent in part and has no buffer, or has got one again.
    var cut: FrameHeader?
    /// Bytes of it that wait in the connection's own memory, and how many of these are sent.
    var pieceBytes = 0
    var pieceSent = 0

    init(
        block: BlockID, epoch: Epoch, device: Int, connection: ConnectionIndex, offset: UInt64,
        length: UInt64
    ) {
        self.block = block
        self.epoch = epoch
        self.device = device
        self.connection = connection
        self.offset = offset
        self.length = length
    }

    /// Once the block's length is known: the whole chunks that cover the range, cut at the block's
    /// end.
    mutating func plan(blockLength: UInt64) {
        let chunk = UInt64(Limits.chunkBytes)
        self.blockLength = blockLength
        firstChunk = Int(offset / chunk)
        next = offset / chunk * chunk
        end = min(blockLength, (offset + length + chunk - 1) / chunk * chunk)
    }

    /// Keeps the checksums of its range, out of those of the block.
    mutating func keep(_ stored: UnsafeMutableRawPointer) {
        let count = BlockLayout.chunks(length: end) - firstChunk
        checksums = (0..<count).map { stored.loadLittle(at: (firstChunk + $0) * 4) }
        isLoaded = true
    }

    /// The frame that the next buffer is for: one that was cut goes on with the header it had.
    @inline(__always)
    func nextFrame(packetBytes: Int) -> FrameHeader {
        if let cut, cut.offset == next { return cut }
        var header = FrameHeader(.data)
        header.block = block
        header.epoch = epoch
        header.offset = next
        header.payloadLength = UInt32(nextLength(packetBytes: packetBytes))
        return header
    }

    /// A frame that is sent in part is left: its next bytes wait elsewhere, the rest is read again.
    mutating func cut(_ header: FrameHeader, sent: Int, pieceBytes: Int) {
        precondition(count == 0, "who is cut holds no buffer")
        cut = header
        next = header.offset
        self.sent = sent
        self.pieceBytes = pieceBytes
        pieceSent = 0
    }

    /// Bytes of the next frame. The first one also carries the proof.
    @inline(__always)
    private func nextLength(packetBytes: Int) -> UInt64 {
        let isFirst = next == UInt64(firstChunk * Limits.chunkBytes)
        let most =
            isFirst
            ? min(packetBytes, FrameHeader.piecesBesideProof * Limits.chunkBytes) : packetBytes
        return min(UInt64(most), end - next)
    }

    var first: BufferIndex {
        @inline(__always) get { queue[head] }
    }
    var second: BufferIndex {
        @inline(__always) get { queue[(head + 1) % 64] }
    }

    mutating func append(_ buffer: BufferIndex) {
        precondition(count < 64, "a read's frames are bounded below the queue's size")
        queue[(head + count) % 64] = buffer
        count += 1
    }

    mutating func popFirst() -> BufferIndex {
        precondition(count > 0, "a frame that waits")
        let buffer = queue[head]
        head = (head + 1) % 64
        count -= 1
        sent = 0
        isEncoded = false
        return buffer
    }

    func checkInvariants() {
        precondition(pending >= 0, "what began ends once")
        precondition(count >= 0 && count <= 64, "its frames are bounded")
        precondition(pieceSent <= pieceBytes, "no more is sent of a piece than there is")
        precondition(!isStarved || count == 0 && !isEnding, "who starves holds nothing")
        precondition(metadata == nil || pending > 0 || isEnding, "a metadata buffer is in use")
        precondition(!isLoaded || next <= end || isEnding, "nothing beyond the range")
        precondition(!isClosing || isEnding, "a file is closed at the end")
    }
}
