import Reactor
import System
import Wire

/// One TCP connection: what is under way on it in both directions, which only its transport
/// changes, and what its user has to do with it.
public struct Connection<Role: BitwiseCopyable> {
    public enum Life: UInt8 {
        case connecting, open
        /// It waits for its operations to come back.
        case closing
        /// Its descriptor is being closed.
        case ending
    }

    /// Whose it is; the one thing that a transport's user may change.
    public var role: Role
    public let address: SocketAddress
    public internal(set) var life: Life
    /// The last header that came.
    public internal(set) var header = FrameHeader(.ack)
    /// Zero-copy sends whose memory the kernel still has.
    public internal(set) var unnotified: Int32 = 0
    /// Kept for the next stream to the same address.
    public internal(set) var isParked = false
    /// A send is under way.
    public internal(set) var isSending = false
    /// The opener's number of the current stream, repeated in answers.
    public internal(set) var streamNumber: UInt32 = 0

    var descriptor: Descriptor
    let memory: ConnectionMemory
    /// Operations in flight that name this connection; its place is free when none is left.
    var pending: Int32 = 0

    var receiving = Receiving.nothing
    var receiveToken = OperationToken.nobody
    var receive = Transfer()
    /// The next header came with a body and lies in its place.
    var hasNextHeader = false
    /// After the last frame to a peer that did wrong.
    var isLingering = false

    var sendToken = OperationToken.nobody
    var send = Transfer()
    /// The kind that its operations have.
    var sendKind: UInt8 = 0
    /// More bytes of the same frame follow.
    var isPartOfFrame = false
    var mayZeroCopy = false
    /// Its user wants back what the socket does not take.
    var isRecalled = false
    /// Length of the frame in the connection's own memory.
    var filled = 0
    var sequence: UInt32 = 0
    /// The version of the peer's frames; only an error is sent to one that is not ours.
    var peerVersion = FrameHeader.version

    var zeroCopy: ZeroCopy
    /// Bytes that the socket took, and how many it must have taken before zero-copy sends.
    var taken: UInt64 = 0
    let provenBytes: UInt64

    init(
        role: Role, life: Life, descriptor: Descriptor, address: SocketAddress,
        memory: ConnectionMemory, zeroCopyAfter proven: UInt64?
    ) {
        self.role = role
        self.life = life
        self.descriptor = descriptor
        self.address = address
        self.memory = memory
        zeroCopy = ZeroCopy(isAllowed: proven != nil)
        provenBytes = proven ?? 0
    }

    @inline(__always)
    public var isOpen: Bool { life == .open }
    /// Nobody has asked for its end.
    public var isLive: Bool { life == .open || life == .connecting }
    /// Its user may ask for what comes next.
    @inline(__always)
    public var canReceive: Bool { life == .open && receiving == .nothing }
    /// The next frame is awaited, and nothing of it has come.
    public var isBetweenFrames: Bool { receiving == .header && receive.done == 0 }
    /// It is to be over, and what comes is dropped.
    public var isDropping: Bool { receiving == .dropping }

    func checkInvariants() {
        precondition(pending >= 0 && unnotified >= 0, "what began ends once")
        precondition(unnotified <= pending, "a notification is awaited")
        precondition(!isParked || life == .open, "who is parked is open")
        precondition(receiveToken == .nobody || pending > 0, "a receive is in flight")
        precondition(!isSending || life != .ending, "nothing is under way at the end")
    }
}

/// What a receiving half was asked for.
enum Receiving: UInt8 {
    /// Its user has what came last, and asks for more when it likes.
    case nothing
    case header
    /// What belongs to the header: a payload, credentials, an answer.
    case body
    /// Any bytes.
    case bytes
    /// What still arrives is dropped.
    case dropping
}

/// Bytes of one half of a connection on their way between its socket and memory, as a pure state.
struct Transfer: Equatable {
    enum Step: Equatable {
        case more, whole
        /// Nothing came: the peer sends no more.
        case ended
        case failed(Int32)
    }

    var start: UnsafeMutableRawPointer?
    var count = 0
    var done = 0
    /// The buffer that `start` lies in, or -1.
    var buffer: Int32 = -1

    var rest: UnsafeMutableRawPointer { start.unsafelyUnwrapped + done }
    var left: Int { count - done }

    mutating func take(_ outcome: Outcome) -> Step {
        switch outcome {
        case .done(0): return .ended
        case .done(let bytes):
            done += Int(bytes)
            return done == count ? .whole : .more
        case .again: return .more
        case .cancelled, .disconnected, .full, .failed: return .failed(outcome.errno)
        }
    }
}

extension FrameHeader {
    /// Bytes that come behind it at once: the body, and the next header when that is promised.
    @inlinable
    public var bodyBytes: Int {
        Int(payloadLength) + (flags.contains(.more) ? Self.byteCount : 0)
    }
}

/// Where a connection's frames lie that have no buffer, behind the 128 bytes of the header that is
/// being received: in memory of its own, so that a peer gets nothing of what others share before it
/// has shown who it is.
public struct ConnectionMemory: BitwiseCopyable, Sendable {
    /// Bodies that are received, with the next header behind them.
    private let receivedStart: Int32
    private let receivedCount: Int32
    /// The frame that is sent.
    private let sentStart: Int32
    private let sentCount: Int32

    public init(received: Range<Int>, sent: Range<Int>) {
        precondition(min(received.lowerBound, sent.lowerBound) >= FrameHeader.byteCount)
        receivedStart = Int32(received.lowerBound)
        receivedCount = Int32(received.count)
        sentStart = Int32(sent.lowerBound)
        sentCount = Int32(sent.count)
    }

    var receivedOffset: Int { Int(receivedStart) }
    public var receivedBytes: Int { Int(receivedCount) }
    var sentOffset: Int { Int(sentStart) }
    var sentBytes: Int { Int(sentCount) }
}
