import ControlClient
import Wire

extension ClientError {
    /// A control failure, told about the key it concerns.
    init(_ failure: ControlFailure, key: String) {
        switch failure {
        case .unreachable(let address, let reason):
            self = .unreachable(address: address, reason: reason)
        case .unknownHost(let address, let reason):
            self = .unknownHost(address: address, reason: reason)
        case .timedOut(let address, let milliseconds):
            self = .timedOut(what: "the namenode at \(address)", milliseconds: milliseconds)
        case .malformed(let reason): self = .malformed(reason: reason)
        case .wrongCluster(let expected, let found):
            self = .wrongCluster(expected: expected, found: found)
        case .wrongVersion(let reason): self = .wrongVersion(reason: reason)
        case .refused(let refusal): self.init(refusal, key: key)
        }
    }

    private init(_ refusal: ControlFailure.Refusal, key: String) {
        let message = refusal.message.isEmpty ? "\(refusal.code)" : refusal.message
        self =
            switch refusal.code {
            // What was asked for is no key: a node, or a block.
            case .notFound where key.isEmpty: .badArgument(message)
            case .notFound: .notFound(key: key)
            case .exists: .exists(key: key)
            case .leased: .leased(key: key)
            case .tooFewNodes:
                .tooFewNodes(live: refusal.live, needed: refusal.needed, reason: message)
            case .badKey: .badKey(key: key, reason: message)
            case .leaseExpired: .leaseExpired(key: key)
            case .noSpace: .noSpace(reason: message)
            case .blockMismatch: .blockMismatch(key: key, reason: message)
            case .notDurable: .notDurable(key: key, reason: message)
            case .busy, .staleEpoch, .staleSession: .busy(reason: message)
            case .badSecret, .incarnationReplaced, .staleCopy: .denied(reason: message)
            case .wrongVersion: .wrongVersion(reason: message)
            // It understood, and does not do what was asked: its words say what to change.
            case .malformed: .badArgument(message)
            case .ok, .wrongCluster, .UNRECOGNIZED: .malformed(reason: message)
            case .internal: .namenodeFailed(reason: message)
            }
    }
}

extension ControlFailure {
    /// An answer that came and has an impossible shape.
    init(unreadable error: ClientError) {
        guard case .malformed(let reason) = error else {
            self = .malformed(error.description)
            return
        }
        self = .malformed(reason)
    }
}
