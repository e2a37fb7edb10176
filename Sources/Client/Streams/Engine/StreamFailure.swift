import Glibc
import Reactor
import System
import Wire

/// Why a stream stopped.
package enum StreamFailure: Error, Equatable, Sendable {
    /// A node's error frame.
    case refused(Status, ErrorReport)
    /// No connection; the errno.
    case unreachable(Int32)
    /// The connection ended; the errno, or 0 when the peer closed it.
    case disconnected(Int32)
    /// Nothing advanced for the progress deadline.
    case timedOut
    /// The peer does what the protocol does not allow.
    case protocolError(String)
    /// Who answers did not show that it is the node that was asked.
    case unproven
    /// The node's first answer acks bytes that this stream never sent.
    case writtenBefore
    /// A chunk did not match its checksum; the offset of its frame in the block.
    case corrupt(UInt64)
    /// Every chunk matched its checksum, and the block as a whole is another one.
    case otherBlock
    /// The same of a block whose parts came from several replicas.
    case mixedBlock
    /// The block is read again, and what the owner was given before was not the block's.
    case passedOn
    /// The caller's source cannot be read; the errno.
    case source(Int32)
    /// The caller's source ended before the length it was given with; the bytes it had of this
    /// block.
    case sourceEnded(UInt64)
    /// The caller's sink cannot be written; the errno.
    case sink(Int32)

    /// Whether the same node would say the same again.
    package var isFinal: Bool {
        switch self {
        case .refused(let status, _):
            switch status {
            case .busy, .superseded, .shuttingDown, .fenced, .slowPeer, .badHeaderChecksum,
                .badPayloadChecksum:
                false
            default: true
            }
        case .corrupt, .otherBlock, .passedOn, .protocolError, .unproven, .writtenBefore, .source,
            .sourceEnded, .sink:
            true
        case .unreachable, .disconnected, .timedOut, .mixedBlock: false
        }
    }

    /// How long nothing was heard before it, nanoseconds; a stream's deadline is `timeout`.
    package func silence(_ timeout: UInt64) -> UInt64 {
        switch self {
        case .timedOut, .unreachable(ETIMEDOUT): timeout
        default: 0
        }
    }

    /// The node an error frame blames, if it names one.
    package var blamed: NodeID? {
        guard case .refused(let status, let report) = self, report.node != .none else { return nil }
        return status.blamesToken ? nil : report.node
    }

    /// The node that says nothing, when that is what this failure means; `asked` is the one that
    /// was talked to.
    package func silentNode(asked: NodeID) -> NodeID? {
        switch self {
        case .timedOut, .unreachable(ETIMEDOUT): asked
        // With its own id a node complains of its client.
        case .refused(.slowPeer, let report), .refused(.nextHopUnreachable, let report):
            report.node == .none || report.node == asked ? nil : report.node
        default: nil
        }
    }

    /// A sentence for people.
    package var sentence: String {
        switch self {
        case .refused(let status, let report):
            report.text.isEmpty ? status.explanation : report.text
        case .unreachable(let number): "it cannot be reached (\(errorText(number)))"
        case .disconnected(0): "it closed the connection"
        case .disconnected(let number): "the connection broke (\(errorText(number)))"
        case .timedOut: "it made no progress before the deadline"
        case .protocolError(let what): "it broke the protocol: \(what)"
        case .unproven: Status.unproven.explanation
        case .writtenBefore: "it has bytes of this block that somebody else wrote before"
        case .otherBlock: "its bytes are not those of the block that was closed"
        case .mixedBlock: "the parts that several replicas gave are not the block that was closed"
        case .passedOn: "bytes that were passed on before are not those of this replica"
        case .corrupt(let offset): "the bytes at offset \(offset) do not match their checksum"
        case .source(let number), .sink(let number): errorText(number)
        case .sourceEnded(let bytes): "it ended after \(bytes) bytes"
        }
    }

    /// The nearest status, for programs.
    package var status: Status {
        switch self {
        case .refused(let status, _): status
        case .unreachable: .nextHopUnreachable
        case .timedOut: .slowPeer
        case .corrupt, .otherBlock: .corrupt
        case .unproven: .unproven
        default: .nextHopFailed
        }
    }
}
