import ControlClient
import Wire

/// Everything that can go wrong between a program and its bytes, with the facts a program or a
/// person needs to do something about it.
public enum ClientError: Error, Equatable, Sendable {
    // What the namenode said about a key.
    case notFound(key: String)
    case exists(key: String)
    /// Another client is writing the key.
    case leased(key: String)
    case badKey(key: String, reason: String)
    /// The lease of the key being written is over: somebody else may write it.
    case leaseExpired(key: String)
    /// The namenode does not accept the blocks shown at CLOSE.
    case blockMismatch(key: String, reason: String)
    /// CLOSE waited, and the level asked for was not reached everywhere.
    case notDurable(key: String, reason: String)

    // The cluster.
    case tooFewNodes(live: Int, needed: Int, reason: String)
    case noSpace(reason: String)
    case busy(reason: String)
    case unreachable(address: String, reason: String)
    /// The namenode's name has no address.
    case unknownHost(address: String, reason: String)
    /// `what` completes "... did not answer within".
    case timedOut(what: String, milliseconds: Int64)
    case wrongCluster(expected: ClusterID, found: ClusterID)
    case wrongVersion(reason: String)
    case denied(reason: String)
    /// An answer that this build does not understand.
    case malformed(reason: String)
    /// The namenode could not do what it understood.
    case namenodeFailed(reason: String)

    // The data.
    /// Bytes of the value do not match their checksum on any replica that answered.
    case corrupt(key: String, block: BlockID, replicas: Int)
    /// A replica's bytes were passed on before the block as a whole turned out to be another one.
    case corruptOutput(key: String, block: BlockID)
    /// No replica of a block could be read. `reason` is the last one's.
    case unreadable(key: String, block: BlockID, replicas: Int, reason: String)
    /// A block could not be written to its chain.
    case unwritable(key: String, block: BlockID, node: NodeID, status: Status, reason: String)
    /// A part that the value does not have; `length` 0 is "to the end".
    case badRange(key: String, offset: UInt64, length: UInt64, valueLength: UInt64)

    // This process.
    /// The source of a put could not be read.
    case sourceFailed(reason: String)
    /// The sink of a get could not be written.
    case sinkFailed(reason: String)
    /// Nobody reads the pipe or socket that is the sink of a get.
    case sinkClosed
    /// The source ended before, or went on after, the length it was given with.
    case sourceLength(expected: UInt64, found: UInt64)
    /// The source file was written to while it was read.
    case sourceChanged
    /// The kernel's ring is not to be had; the sentence says what to do.
    case ringUnavailable(reason: String)
    case badArgument(String)
}

extension ClientError {
    /// What a caller can do about it.
    public var kind: FailureKind {
        switch self {
        case .notFound: .notFound
        case .exists: .exists
        case .leased, .leaseExpired, .notDurable, .busy: .retryLater
        case .badKey, .badRange, .badArgument: .usage
        case .tooFewNodes, .noSpace, .unreachable, .unknownHost, .timedOut, .unreadable,
            .unwritable, .wrongVersion, .malformed, .ringUnavailable:
            .unavailable
        case .wrongCluster: .configuration
        case .denied: .denied
        case .corrupt, .corruptOutput: .corrupt
        case .sourceFailed, .sinkFailed, .sinkClosed, .sourceLength, .sourceChanged: .io
        case .blockMismatch, .namenodeFailed: .software
        }
    }
}

extension ClientError: CustomStringConvertible {
    /// One sentence that says what happened and, where something can be done, what.
    public var description: String {
        switch self {
        case .notFound, .exists, .leased, .badKey, .leaseExpired, .blockMismatch, .notDurable,
            .badRange:
            keySentence
        case .corrupt, .corruptOutput, .unreadable, .unwritable: dataSentence
        case .sourceFailed(let reason): "the source cannot be read: \(reason)"
        case .sinkFailed(let reason): "the destination cannot be written: \(reason)"
        case .sinkClosed: "the destination cannot be written: nobody reads it any more"
        case .sourceChanged:
            "the source was changed while it was read, and nothing was stored: put it again"
        case .sourceLength(let expected, let found):
            "the source has \(found) bytes instead of \(expected): it changed while it was read"
        case .ringUnavailable(let reason), .badArgument(let reason): reason
        default: clusterSentence
        }
    }

    private var keySentence: String {
        switch self {
        case .notFound(let key): "there is no key \(quoted(key))"
        case .exists(let key):
            "the key \(quoted(key)) exists: choose another one, or allow overwriting"
        case .leased(let key):
            "another client is writing the key \(quoted(key)): try again when it is done"
        case .badKey(let key, let reason): "\(quoted(key)) cannot be a key: \(reason)"
        case .leaseExpired(let key):
            "the lease on \(quoted(key)) expired before the value was complete: write it again"
        case .blockMismatch(let key, let reason):
            "the namenode does not accept the blocks written for \(quoted(key)): \(reason)"
        case .notDurable(let key, let reason):
            "\(quoted(key)) is not as durable as asked (\(reason)): try again, or ask for less"
        case .badRange(let key, let offset, let length, let valueLength):
            "\(quoted(key)) has \(valueLength) bytes: there are "
                + (offset < valueLength ? "no \(length)" : "none") + " from offset \(offset)"
        default: clusterSentence
        }
    }

    private var dataSentence: String {
        switch self {
        case .corrupt(let key, let block, let replicas):
            "block \(block) of \(quoted(key)) is corrupt on all \(replicas) replicas that answered"
        case .corruptOutput(let key, let block):
            "the output is wrong: block \(block) of \(quoted(key)) came from a replica that has "
                + "another one, which shows at its end: get it again, into a file"
        case .unreadable(let key, let block, let replicas, let reason):
            "block \(block) of \(quoted(key)) cannot be read, \(replicas) replicas tried: \(reason)"
        case .unwritable(let key, let block, let node, let status, let reason):
            "block \(block) of \(quoted(key)) cannot be written: node \(node) says "
                + (reason.isEmpty ? status.explanation : reason)
        default: clusterSentence
        }
    }

    private var clusterSentence: String {
        switch self {
        case .tooFewNodes(_, _, let reason):
            "too few datanodes: \(reason): start more, or wait for more"
        case .noSpace(let reason): "the cluster has no room: \(reason)"
        case .busy(let reason): "the cluster is busy (\(reason)): try again"
        case .unreachable(let address, let reason):
            ControlFailure.unreachable(address: address, reason: reason).description
        case .unknownHost(let address, let reason):
            ControlFailure.unknownHost(address: address, reason: reason).description
        case .timedOut(let what, let milliseconds):
            "\(what) did not answer within \(milliseconds) ms: try again, or check it"
        case .wrongCluster(let expected, let found):
            ControlFailure.wrongCluster(expected: expected, found: found).description
        case .wrongVersion(let reason): ControlFailure.wrongVersion(reason).description
        case .denied(let reason): "the cluster denies this: \(reason)"
        case .malformed(let reason): ControlFailure.malformed(reason).description
        case .namenodeFailed(let reason): "the namenode failed: \(reason)"
        default: "the operation failed"
        }
    }

    private func quoted(_ key: String) -> String { "'\(key)'" }
}
