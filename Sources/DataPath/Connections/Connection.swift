import Reactor
import System
import Transport
import Wire

/// One TCP connection of a datanode: what is being received and sent on it, and whose stream it
/// carries.
struct Connection {
    enum Role: UInt8 {
        /// From a client or from the node before this one in a chain.
        case inbound
        /// To the next node of a chain.
        case outbound
    }

    /// What the receiving half waits for.
    enum Receiving: Equatable {
        case header
        /// The header is decoded; a payload buffer, or room in the stream's window, or the block's
        /// file is awaited.
        case waitingForBuffer
        case payload
        /// Nothing is taken up until the current read or comparison is answered.
        case paused
        /// The stream failed: what still arrives is dropped, so that the peer gets to read the
        /// error.
        case discarding
    }

    enum Life: UInt8 { case connecting, open, closing }

    let role: Role
    var life: Life
    var descriptor: Descriptor
    var address: SocketAddress
    /// Operations in flight that name this connection; it is freed when none is left.
    var pending: Int32 = 0
    var receiving = Receiving.header
    var receiveToken = OperationToken.nobody
    var sendToken = OperationToken.nobody

    /// How payload is sent on it.
    var zeroCopy: ZeroCopy
    /// Zero-copy sends whose memory the kernel still has.
    var unnotified = 0
    /// Outbound and idle: kept for the next stream to the same node.
    var isParked = false

    /// The frame whose payload is being received, and how much of payload (and next header) is
    /// here.
    var header = FrameHeader(.ack)
    var headerBytes = 0
    var buffer: Int32 = -1
    var payloadBytes = 0

    /// The write stream this connection carries (either role), or -1.
    var stream: Int32 = -1
    /// The read stream it carries, or -1.
    var reader: Int32 = -1
    /// The block whose seal was answered last: frames of its stream still under way are dropped.
    var answered = BlockID(0)
    /// The opener's number of the current stream, repeated in answers.
    var streamNumber: UInt32 = 0
    var sequence: UInt32 = 0
    /// Inbound: what the first answer of the current stream proves this node with.
    private var proof = StreamProof()
    private var owesProof = false
    /// The version of the peer's frames; only an error is sent to one that is not ours.
    var peerVersion = FrameHeader.version

    /// A frame of a read is in flight: nothing else may be sent until it is out.
    var isSendingFrame = false
    /// Bytes of reads' answers that its socket took.
    var taken: UInt64 = 0
    /// A control frame (ack, sealed, error) is in flight from the connection's own memory.
    var isSendingControl = false
    /// Bytes of that frame, and how many are sent.
    var controlLength = 0
    var controlSent = 0
    /// Set when the error frame is to be the last thing sent.
    var failure: Status?
    var isFailureSent = false

    init(
        role: Role, life: Life, descriptor: Descriptor, address: SocketAddress, zeroCopy: ZeroCopy
    ) {
        self.zeroCopy = zeroCopy
        self.role = role
        self.life = life
        self.descriptor = descriptor
        self.address = address
    }

    /// A stream begins: answers repeat its number and count their own frames.
    /// - Parameter key: `nil` when its token is not good: nothing can be proved then.
    mutating func beginStream(_ opening: FrameHeader, key: StreamKey?) {
        streamNumber = opening.stream
        sequence = 0
        owesProof = key != nil
        if let key { proof = key.proof(of: opening) }
    }

    /// Puts the proof into the stream's first answer.
    mutating func prove(_ answer: inout FrameHeader) {
        guard owesProof else { return }
        owesProof = false
        answer.proof = proof
    }

    // Layout of a connection's own memory: the header being received, a wide part and a narrow one.
    // Who comes in brings credentials and gets short answers; to the next node it is the other way
    // round. What has no stream lies here and nowhere else: a peer without a token holds no payload
    // buffer.

    /// Credentials, and the header before or behind them.
    static let wideBytes = FrameHeader.byteCount + Limits.controlPayloadBytes
    /// A receipt or an error report, and the header before it.
    static let narrowBytes = FrameHeader.byteCount + answerBytes
    /// The longest payload of an answer.
    static let answerBytes = 512
    private static let wideOffset = FrameHeader.byteCount
    private static let narrowOffset = wideOffset + wideBytes
    static let memoryBytes = narrowOffset + narrowBytes

    /// Where a control payload that is being received lies: credentials and the next header
    /// (inbound), an answer's payload (outbound).
    var receivedOffset: Int { role == .inbound ? Self.wideOffset : Self.narrowOffset }
    /// Where the control frame that is being sent lies, and how long it may be.
    var controlOffset: Int { role == .inbound ? Self.narrowOffset : Self.wideOffset }
    var controlBytes: Int { role == .inbound ? Self.narrowBytes : Self.wideBytes }

    // MARK: What holds

    func checkInvariants() {
        precondition(pending >= 0 && unnotified >= 0, "what began ends once")
        precondition(buffer < 0 || receiving == .payload, "a buffer is received into")
        precondition(failure == nil || receiving == .discarding, "after a failure nothing counts")
        precondition(reader < 0 || receiving == .paused, "a read is answered before what follows")
        precondition(
            role == .outbound || !isSendingFrame || !isSendingControl, "frames leave one by one")
        if life == .closing { precondition(stream < 0 && reader < 0, "who closes has let go") }
    }
}
