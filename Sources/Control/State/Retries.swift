import Crypto
import Foundation
import Wire

/// Gives the retry of a mutating request its first answer (DESIGN section 3).
///
/// Only successes are kept: a refusal changed nothing, so that a retry may well be judged anew. The
/// kept bytes are 8 of the request's SHA-256, to tell a retry from another request under the same
/// id, then the reply.
struct Retries {
    private static let fingerprintBytes = 8

    let name: RequestName
    private let fingerprint: [UInt8]

    init(name: RequestName, operation: ControlRequest.OneOf_Operation) {
        self.name = name
        var request = ControlRequest()
        request.operation = operation
        do {
            let bytes: [UInt8] = try request.serializedBytes()
            fingerprint = Array(SHA256.hash(data: bytes).prefix(Self.fingerprintBytes))
        } catch {
            preconditionFailure("a message that was read can be written: \(error)")
        }
    }

    func answer(in store: some NamespaceReader) throws(Refusal) -> ControlReply? {
        guard let kept = store.outcome(name) else { return nil }
        guard kept.starts(with: fingerprint) else {
            throw Refusal(.malformed, "this client used the request id for another request before")
        }
        do {
            return try ControlFrame.decode(
                ControlReply.self, from: Array(kept.dropFirst(Self.fingerprintBytes)))
        } catch {
            throw Refusal(.internal, "the first answer to this request cannot be read")
        }
    }

    func keep(
        _ reply: ControlReply, bounds: Bounds, in turn: inout Turn<some NamespaceReader>
    ) {
        let bytes: [UInt8]
        do { bytes = try reply.serializedBytes() } catch {
            preconditionFailure("a reply can be written: \(error)")
        }
        let sequence = turn.take(.outcome)
        turn.mutations.append(
            .putOutcome(name, sequence: sequence, reply: fingerprint + bytes))
        let bound = UInt64(bounds.outcomes)
        if sequence > bound {
            turn.mutations.append(.removeOutcome(sequence: sequence - bound))
        }
    }
}
