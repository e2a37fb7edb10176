import Glibc

/// What became of an operation, decoded once. A room switches over the cases it can meet and names
/// each.
public enum Outcome: Equatable, Sendable, BitwiseCopyable {
    /// A count of bytes, a descriptor or 0.
    case done(Int32)
    /// Interrupted or out of a passing resource: the same request may be made again.
    case again
    /// We asked for its end.
    case cancelled
    /// The peer is gone.
    case disconnected(Int32)
    /// No room on the device or over a quota.
    case full(Int32)
    /// Anything else the kernel says: a failing device, a missing file, a refused permission.
    case failed(Int32)

    /// Sorts a result. Errors that only our own mistakes can cause trap (SwiftNIO's
    /// `isUnacceptableErrno`).
    public init(_ result: Int32) {
        guard result < 0 else {
            self = .done(result)
            return
        }
        let number = -result
        switch number {
        case EINTR, EAGAIN: self = .again
        case ECANCELED: self = .cancelled
        case ECONNRESET, EPIPE, ENOTCONN, ECONNREFUSED, ECONNABORTED, ETIMEDOUT, EHOSTUNREACH,
            ENETUNREACH, ENETDOWN, EHOSTDOWN:
            self = .disconnected(number)
        case ENOSPC, EDQUOT, EFBIG: self = .full(number)
        case EFAULT, EBADF:
            preconditionFailure(
                "an operation with a bad \(number == EBADF ? "descriptor" : "address")")
        default: self = .failed(number)
        }
    }

    /// The errno behind a failure, 0 otherwise.
    public var errno: Int32 {
        switch self {
        case .done, .again: 0
        case .cancelled: ECANCELED
        case .disconnected(let number), .full(let number), .failed(let number): number
        }
    }
}
