import Transport
import Wire

/// What a datanode keeps of one connection: whose stream it carries, and what that waits for.
struct ConnectionRole: BitwiseCopyable {
    enum Side: UInt8, BitwiseCopyable {
        /// From a client or from the node before this one in a chain.
        case inbound
        /// To the successor of a write stream in its chain.
        case successor
    }

    /// Why nothing is received.
    enum Waiting: UInt8, BitwiseCopyable {
        case nothing
        /// For a payload buffer, or room in the stream's window, or the block's file: the frame's
        /// header is here.
        case buffer
        /// For the answer of the stream before it: the header of a `write` or `read` is here.
        case turn
        /// For the answer to the current read or comparison.
        case answer
    }

    let side: Side
    /// The write stream that it carries (on either side).
    var stream: StreamIndex?
    /// The read stream that it carries.
    var reader: ReaderIndex?
    var waiting = Waiting.nothing
    /// The block whose seal was answered last: frames of its stream still under way are dropped.
    var answered = BlockID(0)
    /// Inbound: what the first answer to the latest opening proves this node with.
    private var proof = StreamProof()
    private var owesProof = false
    /// A frame of a read is out in part, and waits for the rest: nothing else may be sent.
    var isInsideFrame = false
    /// Set when the error frame is to be the last thing sent.
    var failure: Status?
    var isFailureSent = false

    init(_ side: Side, stream: StreamIndex? = nil) {
        self.side = side
        self.stream = stream
    }

    /// - Parameter key: `nil` when the opening's token is not good: nothing can be proved then.
    mutating func beginStream(_ opening: FrameHeader, key: StreamKey?) {
        owesProof = key != nil
        if let key { proof = key.proof(of: opening) }
    }

    /// Puts the proof into the stream's first answer.
    mutating func prove(_ answer: inout FrameHeader) {
        guard owesProof else { return }
        owesProof = false
        answer.proof = proof
    }

    func checkInvariants() {
        precondition(stream == nil || reader == nil, "it carries a write or a read")
        precondition(reader == nil || waiting == .answer, "a read is answered before what follows")
        precondition(!isInsideFrame || side == .inbound, "reads are answered inwards")
        precondition(!isFailureSent || failure != nil, "what is sent is known")
    }
}

// Layout of a connection's own memory: the header being received, a wide part and a narrow one. Who
// comes in brings credentials and gets short answers; to a successor it is the other way round.
// What has no stream lies here and nowhere else: a peer without a token holds no payload buffer.
extension ConnectionMemory {
    /// The longest payload of an answer.
    static let answerBytes = 512
    /// Credentials, and the header before or behind them.
    private static let wide =
        FrameHeader.byteCount..<2 * FrameHeader.byteCount + Limits.controlPayloadBytes
    /// A receipt or an error report, and the header before it.
    private static let narrow =
        wide.upperBound..<wide.upperBound + FrameHeader.byteCount + answerBytes

    static let inbound = ConnectionMemory(received: wide, sent: narrow)
    static let successor = ConnectionMemory(received: narrow, sent: wide)
    static let datanodeBytes = narrow.upperBound
}
