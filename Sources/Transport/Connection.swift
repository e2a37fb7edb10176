import Reactor
import System
import Wire

/// A connection, by its place in the transport's slab of them.
public typealias ConnectionIndex = RecordIndex<Link>

/// One TCP connection as its user sees it: what it is to the user, and what may be known of it.
/// Valid until it is removed.
public struct Connection<Role: BitwiseCopyable> {
    @usableFromInline
    let link: UnsafeMutablePointer<Link>
    @usableFromInline
    let place: UnsafeMutablePointer<Role>

    @inlinable
    init(_ link: UnsafeMutablePointer<Link>, _ place: UnsafeMutablePointer<Role>) {
        self.link = link
        self.place = place
    }

    /// Whose it is; the one thing that a transport's user may change.
    @inlinable
    public var role: Role {
        @inline(__always) _read { yield place.pointee }
        @inline(__always) nonmutating _modify { yield &place.pointee }
    }

    public var address: SocketAddress { link.pointee.address }
    /// The last header that came.
    @inlinable
    public var header: FrameHeader {
        @inline(__always) get { link.pointee.header }
    }
    /// The opener's number of the current stream, repeated in answers.
    @inlinable
    public var streamNumber: UInt32 {
        @inline(__always) get { link.pointee.streamNumber }
    }

    @inlinable
    public var isOpen: Bool {
        @inline(__always) get { link.pointee.life == .open }
    }
    /// Nobody has asked for its end.
    public var isLive: Bool { link.pointee.isLive }
    /// Kept for the next stream to the same address.
    public var isParked: Bool { link.pointee.isParked }
    /// A send is under way.
    @inlinable
    public var isSending: Bool {
        @inline(__always) get { link.pointee.isSending }
    }
    /// The kernel still has memory of zero-copy sends.
    @inlinable
    public var isHeld: Bool {
        @inline(__always) get { link.pointee.unnotified > 0 }
    }
    /// What comes next may be asked for.
    @inlinable
    public var canReceive: Bool {
        @inline(__always) get { link.pointee.canReceive }
    }
    /// The next frame is awaited, and nothing of it has come.
    public var isBetweenFrames: Bool {
        link.pointee.receiving == .header && link.pointee.receive.done == 0
    }
    /// What comes is dropped, for the connection is over.
    public var isDropping: Bool { link.pointee.receiving == .dropping }
}

/// What is under way on one connection in both directions. Only its transport changes it, and
/// nobody else sees into it.
public struct Link {
    @usableFromInline
    enum Life: UInt8 {
        case connecting, open
        /// It waits for its operations to come back.
        case closing
        /// Its descriptor is being closed.
        case ending
    }

    /// What the receiving half was asked for.
    @usableFromInline
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

    let address: SocketAddress
    @usableFromInline
    let memory: ConnectionMemory
    @usableFromInline
    var life: Life
    @usableFromInline
    var descriptor: Descriptor
    /// Operations in flight that name this connection; its place is free when none is left.
    @usableFromInline
    var pending: Int32 = 0
    var isParked = false

    @usableFromInline
    var receiving = Receiving.nothing
    @usableFromInline
    var receiveToken = OperationToken.nobody
    @usableFromInline
    var receive = Transfer()
    @usableFromInline
    var header = FrameHeader(.ack)
    /// The next header came with a body and lies in its place.
    @usableFromInline
    var hasNextHeader = false
    /// After the last frame to a peer that did wrong.
    var isLingering = false

    @usableFromInline
    var isSending = false
    @usableFromInline
    var sendToken = OperationToken.nobody
    @usableFromInline
    var send = Transfer()
    /// The kind that its operations have.
    @usableFromInline
    var sendKind: UInt8 = 0
    /// More bytes of the same frame follow.
    @usableFromInline
    var isPartOfFrame = false
    @usableFromInline
    var mayZeroCopy = false
    /// Its user wants back what the socket does not take.
    @usableFromInline
    var isRecalled = false
    /// Length of the frame in the connection's own memory.
    @usableFromInline
    var filled = 0
    @usableFromInline
    var streamNumber: UInt32 = 0
    @usableFromInline
    var sequence: UInt32 = 0
    /// The version of the peer's frames; only an error is sent to one that is not ours.
    @usableFromInline
    var peerVersion = FrameHeader.version

    @usableFromInline
    var zeroCopy: ZeroCopy
    /// Zero-copy sends whose memory the kernel still has.
    @usableFromInline
    var unnotified: Int32 = 0
    /// Bytes that the socket took, and how many it must have taken before zero-copy sends.
    @usableFromInline
    var taken: UInt64 = 0
    @usableFromInline
    let provenBytes: UInt64

    init(
        _ life: Life, _ descriptor: Descriptor, _ address: SocketAddress,
        _ memory: ConnectionMemory, zeroCopyAfter proven: UInt64?
    ) {
        self.life = life
        self.descriptor = descriptor
        self.address = address
        self.memory = memory
        zeroCopy = ZeroCopy(isAllowed: proven != nil)
        provenBytes = proven ?? 0
    }

    @usableFromInline
    var isLive: Bool { life == .open || life == .connecting }
    @inlinable
    var canReceive: Bool {
        @inline(__always) get { life == .open && receiving == .nothing }
    }

    func checkInvariants() {
        precondition(pending >= 0 && unnotified >= 0, "what began ends once")
        precondition(unnotified <= pending, "a notification is awaited")
        precondition(!isParked || life == .open, "who is parked is open")
        precondition(receiveToken == .nobody || pending > 0, "a receive is in flight")
        precondition(!isSending || life != .ending, "nothing is under way at the end")
    }
}
