import Client
import ControlClient
import System
import ToolSupport
import Wire

/// Why one operation failed.
package struct LoadFailure: Error, Codable, Sendable, Equatable {
    /// `FailureKind`, as every tool's exit code knows it.
    package let kind: String
    package let sentence: String

    package init(_ kind: FailureKind, _ sentence: String) {
        self.kind = kind.rawValue
        self.sentence = sentence
    }

    package init(_ failure: ControlFailure) { self.init(failure.kind, failure.description) }

    package init(_ error: ClientError) { self.init(error.kind, error.description) }

    package init(_ failure: StreamFailure, node: ChainNode, block: BlockID) {
        let kind: FailureKind = failure.status == .corrupt ? .corrupt : .unavailable
        var sentence = failure.sentence
        if failure == .writtenBefore {
            sentence += ": give another --seed, or start the chain's nodes anew"
        }
        self.init(kind, "datanode \(Endpoint(host: node.host, port: node.port)): \(sentence)")
    }

    package var exitKind: FailureKind { FailureKind(rawValue: kind) ?? .software }
    package var exit: SystemExit { SystemExit(exitKind) }

    /// Trying again at once would only fail again.
    package var isOutage: Bool { kind == FailureKind.unavailable.rawValue }
}
