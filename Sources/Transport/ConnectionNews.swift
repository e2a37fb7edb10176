import Reactor
import Wire

/// What a completion means to a connection's user. A `buffer` that is named is the user's to give
/// back or to use again.
public enum ConnectionNews: BitwiseCopyable, Equatable {
    /// Nothing that is the user's matter.
    case none
    /// What was dialled is open.
    case opened
    /// There is no socket for it; the errno.
    case noSocket(Int32)
    /// Nobody answers there; the errno.
    case unreachable(Int32)

    /// A header is whole and good: `Connection.header`.
    case header
    case badHeader(Status)
    /// The body of that header is whole, in its buffer.
    case payload(buffer: BufferIndex)
    /// The same in the connection's own memory.
    case body
    /// So many bytes are where they were asked for.
    case bytes(Int)
    /// No more comes: the errno, or 0 when the peer ended it. `isInside`: in the middle of a frame.
    case ended(Int32, isInside: Bool, buffer: BufferIndex?)

    /// The last send is whole with the socket.
    case sent(bytes: Int, buffer: BufferIndex?)
    /// It is not, but for `bytes` of it: it failed, or was recalled.
    case notSent(Int32, bytes: Int, buffer: BufferIndex?)
    /// The kernel has let go of a buffer, and nothing else is new: of a zero-copy send, or because
    /// the connection is closing.
    case letGo(buffer: BufferIndex)

    /// The peer has seen the last frame, or is gone: nothing is left but to close.
    case lingered
    /// The kernel has let go of everything: `remove` gives the place free.
    case closed
}

/// The `kind` of the operations that a transport starts. Sends have kinds of its user's choice in
/// `sendKinds`, so that faults and traces tell them apart. Everything above is the user's.
public enum ConnectionOperation: UInt8 {
    case makeSocket = 1
    case connect
    case receiveHeader
    case receiveBody
    case receiveBytes
    case discard
    case shutdown
    case disconnect
    case close

    @inlinable
    public static var sendKinds: Range<UInt8> { 16..<32 }

    /// Whether `Transport.handle` takes the completion of such an operation.
    @inlinable
    @inline(__always)
    public static func isKind(_ kind: UInt8) -> Bool { kind < sendKinds.upperBound }
}

/// Plain counts of one transport.
public struct TransportCounters: Sendable, BitwiseCopyable {
    public var zeroCopySends: UInt64 = 0
    /// Of those, how many the kernel copied after all.
    public var zeroCopySendsCopied: UInt64 = 0
}
