import Wire

/// What a caller can do about a failure; each kind has one exit code (`ExitCode` in ToolSupport).
public enum FailureKind: String, Sendable, CaseIterable {
    /// The caller asked for something that cannot be asked for.
    case usage
    /// Bytes did not match their checksum on any replica.
    case corrupt
    case notFound
    /// A daemon, or enough datanodes, cannot be reached or have no room.
    case unavailable
    case exists
    /// A local file or stream failed.
    case io
    /// The same request may succeed later.
    case retryLater
    case denied
    case configuration
    /// Our own fault.
    case software

    /// The kind of a namenode's refusal.
    public init(_ code: ControlCode) {
        self =
            switch code {
            case .notFound: .notFound
            case .exists: .exists
            case .badKey: .usage
            case .tooFewNodes, .noSpace: .unavailable
            case .leased, .leaseExpired, .notDurable, .busy, .staleSession, .staleEpoch:
                .retryLater
            case .badSecret, .incarnationReplaced, .staleCopy: .denied
            case .wrongCluster: .configuration
            case .wrongVersion: .unavailable
            case .ok, .malformed, .blockMismatch, .internal, .UNRECOGNIZED: .software
            }
    }
}
