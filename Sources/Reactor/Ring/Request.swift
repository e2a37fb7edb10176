import System

/// One operation for a ring. Pointers stay valid until the operation's last completion.
///
/// Results follow the kernel's convention: a count or a descriptor, or a negated errno.
public enum Request: BitwiseCopyable {
    /// Completes with 0.
    case nop
    /// Completes with the given result and touches nothing; the kernel's ring has it from Linux
    /// 6.10 on (`RingProbe.answersNops`).
    case answer(Int32)
    /// Result: the new socket, a fixed file. The peer's address lands at `address`.
    case accept(Descriptor, address: UnsafeMutablePointer<SocketAddress>)
    /// As `accept`, but the new socket is a plain descriptor, which every ring of the process can
    /// use.
    case acceptPlain(Descriptor, address: UnsafeMutablePointer<SocketAddress>)
    /// Result: a new TCP socket, a plain descriptor. `family` is AF_INET or AF_INET6.
    case socket(family: Int32)
    case connect(Descriptor, address: UnsafePointer<SocketAddress>)
    /// With `waitAll` the kernel completes only when `count` bytes are there, the peer ended or it
    /// failed.
    case receive(Descriptor, UnsafeMutableRawPointer, count: Int, waitAll: Bool)
    /// Completes when all bytes are queued, unless it fails. `more` lets the kernel hold a short
    /// segment back.
    case send(Descriptor, UnsafeRawPointer, count: Int, more: Bool)
    /// As `send`, without a copy: the memory is the kernel's until the completion that is a
    /// notification.
    case sendZeroCopy(Descriptor, UnsafeRawPointer, count: Int, registered: Bool)
    /// `sendingOnly` says that no more is sent and goes on receiving. Shutting both halves makes
    /// the kernel reset a peer that still sends, which can cost it what was sent before.
    case shutdown(Descriptor, sendingOnly: Bool)
    /// Ends a connection at once: what is queued is dropped, zero-copy sends are notified, and the
    /// peer sees a reset (connect.2, AF_UNSPEC).
    case disconnect(Descriptor)
    /// Opens below the directory `at`. Result: a fixed file.
    case open(at: Descriptor, path: UnsafePointer<CChar>, flags: Int32, mode: UInt32)
    /// `registered` memory lies in the region given to `register(region:)`.
    case read(
        Descriptor, UnsafeMutableRawPointer, count: Int, offset: UInt64, registered: Bool)
    case write(Descriptor, UnsafeRawPointer, count: Int, offset: UInt64, registered: Bool)
    case sync(Descriptor, dataOnly: Bool)
    case allocate(Descriptor, mode: Int32, offset: UInt64, count: UInt64)
    /// Without `replacing`, a name that is taken already makes it fail with EEXIST.
    case rename(
        at: Descriptor, from: UnsafePointer<CChar>, to: UnsafePointer<CChar>, replacing: Bool)
    case unlink(at: Descriptor, path: UnsafePointer<CChar>)
    case close(Descriptor)
    /// Asks the kernel to end the operation `target`; that operation still completes, often with
    /// ECANCELED.
    case cancel(target: OperationToken)

    /// Bytes asked for, where the operation moves bytes.
    @inlinable
    public var byteCount: Int {
        switch self {
        case .receive(_, _, let count, _), .send(_, _, let count, _),
            .sendZeroCopy(_, _, let count, _),
            .read(_, _, let count, _, _), .write(_, _, let count, _, _):
            count
        default: 0
        }
    }
}
