import Reactor
import System
import Transport
import Wire

/// A write, by its place in the engine's slab of them.
package typealias WriteIndex = RecordIndex<BlockWriter>

/// One block on its way to a chain: what is filled, sent, acked and owed, as a state. Whoever has
/// the connections and the buffers acts on it (`BlockWriters`).
///
/// What every frame asks of it is inlined, or `mutating` also where it only looks: a borrow would
/// copy it, and the settings.
package struct BlockWriter: ~Copyable {
    private(set) var request: WriteRequest
    var window: WriteWindow
    /// CRC32C of the frames in order, up to what was ever sent (step 2).
    private var sum = PieceSum()
    var connection: ConnectionIndex?

    /// End of the last frame that was begun to be filled.
    private(set) var reserved: UInt64 = 0
    /// Frames being filled, by the ring or by the owner.
    private var filling = 0
    /// Operations in flight that name this write.
    var pending = 0
    var fillToken = OperationToken.nobody
    /// Every byte of the block is in the window or beyond it.
    private(set) var isComplete = false
    private(set) var isSourceEnded = false

    private var isOpenSent = false
    /// What the head has to show before anything it says is believed.
    private var proof: ProofCheck?
    /// The first ack of this stream came.
    private var isAnswered = false
    private var isSealSent = false
    /// End of what is to become durable while the block stays open, and of what this stream has
    /// asked the chain for.
    private var flushWanted: UInt64 = 0
    private var flushSent: UInt64 = 0
    /// A deadline runs.
    var isWatched = false
    var isEnding = false

    // What the owner has yet to be told.
    var wantsPayload = false
    var hasProgress = false
    var hasFilled = false
    private(set) var seal: BlockSeal?
    var failure: StreamFailure?
    /// The write stopped and waits for `resume`, `move` or `end`.
    private(set) var isStopped = false

    init(_ request: WriteRequest, windowFrames: Int) {
        self.request = request
        window = WriteWindow(capacity: windowFrames, releaseLevel: request.releaseLevel)
    }

    var hasKnownLength: Bool {
        @inline(__always) get { request.length != nil }
    }

    // MARK: 1. Fill

    /// Bytes of the next frame to be filled, or `nil` when none may be begun now.
    @inline(__always)
    mutating func nextFill(_ settings: EngineSettings) -> Int? {
        // A pipe is read in order, and what has no known length ends with the first fill that ends
        // early.
        let isPipe = request.source.map { $0.position == nil } ?? false
        let most = hasKnownLength && !isPipe ? settings.fillsAhead : 1
        // A frame of unknown length enters the window when it is filled.
        let held = window.count + (hasKnownLength ? 0 : filling)
        guard !isComplete, filling < most, held < settings.windowFrames, reserved < request.bound
        else { return nil }
        let longest = FrameHeader.longestPayload(
            at: reserved, packetBytes: settings.sentPacketBytes ?? settings.packetBytes)
        return Int(min(UInt64(longest), request.bound - reserved))
    }

    /// The next frame is begun to be filled, in `buffer`. One of known length is in the window from
    /// now on.
    mutating func reserve(_ buffer: BufferIndex, _ count: Int, as write: WriteIndex) -> BufferRecord
    {
        var record = BufferRecord(write: write, wanted: count)
        record.header = request.header(.data)
        record.header.offset = reserved
        record.header.payloadLength = UInt32(count)
        // An offset of all ones is the descriptor's own position (io_uring_prep_read.3).
        record.position = request.source?.position.map { $0 + reserved } ?? .max
        filling += 1
        reserved += UInt64(count)
        if hasKnownLength {
            window.append(length: UInt32(count), buffer: buffer, isReady: false)
        }
        return record
    }

    /// The source or the owner has no more, and the last frame that was begun ends here.
    mutating func endSource(at end: UInt64) {
        isSourceEnded = true
        reserved = end
    }

    /// The owner gave less than was asked for: so the frame is shorter.
    mutating func shorten(to end: UInt64) { reserved = end }

    /// A frame that was begun has all it will have: `count` bytes, or none.
    mutating func filled(_ buffer: BufferIndex, _ count: Int) {
        filling -= 1
        if hasKnownLength {
            window.markReady(buffer)
        } else if count > 0 {
            window.append(length: UInt32(count), buffer: buffer, isReady: true)
        }
        guard filling == 0, reserved == request.bound || isSourceEnded else { return }
        isComplete = true
        hasFilled = request.source != nil
    }

    /// A frame that was begun comes to nothing.
    mutating func fillFailed() { filling -= 1 }

    // MARK: 3. Send

    /// What the stream sends next.
    enum Sending {
        case nothing, opening, flush, seal
        case frame(WriteWindow.Frame)
    }

    mutating func nextToSend() -> Sending {
        guard isOpenSent else { return .opening }
        let next = window.unsentFrame()
        if flushWanted > flushSent, !isSealSent {
            // A flush follows the frames it is about.
            guard let next, next.offset < flushWanted else { return .flush }
        }
        if let next { return .frame(next) }
        return isComplete && !isSealSent ? .seal : .nothing
    }

    /// - Parameter isNextReady: the first frame follows at once.
    mutating func open(
        isNextReady: Bool, using random: inout some RandomNumberGenerator
    ) -> FrameHeader {
        var header = request.header(.write)
        header.length = request.length ?? 0
        header.flags = request.releaseLevel == .received ? [] : .written
        if isNextReady { header.flags.insert(.more) }
        proof = request.opening.complete(&header, using: &random)
        isOpenSent = true
        return header
    }

    mutating func askFlush() -> FrameHeader {
        var header = request.header(.flush)
        header.length = flushWanted
        flushSent = flushWanted
        return header
    }

    mutating func askSeal() -> FrameHeader {
        precondition(sum.length == window.end, "every frame is summed")
        var header = request.header(.seal)
        header.flags = FrameFlags(level: request.sealLevel)
        header.length = sum.length
        header.checksum = sum.checksum
        isSealSent = true
        return header
    }

    /// The next frame of the window is on its way, and its pieces are in the block's sum (2), once:
    /// a frame that is sent again was summed. `false`: it was sent before.
    @discardableResult
    mutating func send(_ frame: WriteWindow.Frame, _ header: FrameHeader) -> Bool {
        let isNew = frame.end > sum.length
        if isNew { sum.append(header) }
        window.markSent()
        if let every = request.flushEvery, frame.end >= flushWanted + every {
            flushWanted = frame.end
        }
        return isNew
    }

    /// Everything so far is to become durable.
    /// - Returns: the end of it.
    mutating func wantFlush() -> UInt64 {
        flushWanted = window.end
        return flushWanted
    }

    /// The frame that is sent next, or the one `ahead` places behind it; `nil` behind the last.
    mutating func frame(_ ahead: Int) -> WriteWindow.Frame? { window.unsentFrame(ahead) }

    // MARK: 4. Ack

    var isProven: Bool {
        @inline(__always) get { proof?.isGiven ?? false }
    }

    /// The first answer of a stream shows whether it comes from the node it was asked of.
    mutating func checkProof(_ answer: FrameHeader) { _ = proof?.believes(answer) }

    /// An answer says how far the chain is. `true` when it is further than before.
    mutating func advance(to answer: FrameHeader) throws(StreamFailure) -> Bool {
        guard isProven else { throw .unproven }
        guard answer.block == request.block, answer.epoch == request.epoch else {
            throw .protocolError("an answer about another block")
        }
        do throws(WriteWindow.Violation) {
            guard try window.advance(to: answer.progress) else { return false }
        } catch {
            guard error == .beyondSent, !isAnswered else {
                throw .protocolError("an ack against the rules (\(error))")
            }
            throw .writtenBefore
        }
        hasProgress = true
        return true
    }

    /// An ack was taken. `true`: it was the first of this stream.
    mutating func answer() -> Bool {
        defer { isAnswered = true }
        return !isAnswered
    }

    /// How long the chain may take for what it owes, nanoseconds; `nil`: it owes nothing.
    @inline(__always)
    mutating func deadline(_ settings: EngineSettings) -> UInt64? {
        let owesData = window.sentEnd > window.released
        let owesFlush = flushSent > window.acked.durable
        guard connection != nil, !isAnswered || owesData || isSealSent || owesFlush else {
            return nil
        }
        let isSync = owesFlush || isSealSent && request.sealLevel == .durable
        return settings.progressTimeout * (!owesData && isSync ? settings.sealDeadlines : 1)
    }

    // MARK: 5. Seal

    /// The receipt for the block. The stream is over with it.
    mutating func take(_ progress: Progress, receipt payload: [UInt8]) throws(StreamFailure) {
        guard isSealSent else { throw .protocolError("a seal that nobody asked for") }
        guard let (receipt, signature) = Receipt.decode(payload), request.isMet(by: receipt, sum)
        else { throw .protocolError("a receipt for something else") }
        seal = BlockSeal(
            receipt: SignedReceipt(receipt: receipt, signature: signature),
            progress: progress, isSourceEnded: isSourceEnded)
    }

    // MARK: Another stream

    mutating func stop(_ failure: StreamFailure) {
        isStopped = true
        self.failure = failure
    }

    /// A new stream begins: what is unacked is sent again.
    mutating func resume() {
        window.rewind()
        isStopped = false
        isOpenSent = false
        isAnswered = false
        isSealSent = false
        flushSent = 0
    }

    /// The bytes become another block's.
    mutating func move(
        to block: BlockID, _ epoch: Epoch, _ opening: StreamOpening, at address: SocketAddress
    ) {
        window.startOver()
        request.block = block
        request.epoch = epoch
        request.opening = opening
        request.address = address
    }

    // MARK: What holds

    mutating func checkInvariants(_ settings: EngineSettings) {
        precondition(window.count <= settings.windowFrames, "a window has a bound")
        precondition(
            window.released <= window.acked[window.releaseLevel] || seal != nil || isEnding,
            "only what is acked is given back")
        precondition(window.acked.received <= window.sentEnd, "only what was sent is acked")
        precondition(window.sentEnd <= sum.length, "what is sent is summed")
        precondition(sum.length <= window.end && window.end <= reserved, "bytes go in order")
        precondition(flushSent <= flushWanted && flushWanted <= window.end, "a flush is of frames")
        precondition(filling >= 0 && pending >= 0, "what began ends once")
        precondition(!isComplete || filling == 0, "a whole block is filled")
        precondition(!isStopped || connection == nil, "who stopped has let go")
        precondition(!isEnding || connection == nil, "who ends has let go")
    }
}
