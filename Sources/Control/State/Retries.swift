import Wire

/// Gives the retry of a mutating request its first answer (DESIGN section 3).
///
/// Only successes are kept: a refusal changed nothing, so that a retry may well be judged anew. The
/// kept bytes are 8 that tell a retry from another request under the same id, then the reply. The
/// eight are FNV-1a's of the whole request: a client that gives one id to two requests is mistaken,
/// not cunning, since it can only cheat itself.
struct Retries {
    private static let fingerprintBytes = 8
    /// No kept answer has fewer bytes: CLOSE's is an empty message in a reply.
    private static let leastBytes = 12

    let name: RequestName
    private let fingerprint: [UInt8]

    /// - Parameter body: the request's bytes, when they are at hand.
    init(name: RequestName, request: ControlRequest, body: [UInt8]?) {
        self.name = name
        let bytes: [UInt8]
        do { bytes = try body ?? request.serializedBytes() } catch {
            preconditionFailure("a message that was read can be written: \(error)")
        }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        fingerprint = (0..<Self.fingerprintBytes).map {
            UInt8(truncatingIfNeeded: hash >> UInt64($0 * 8))
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

    func keep(_ reply: [UInt8], bounds: Bounds, in turn: inout Turn<some NamespaceReader>) {
        let tally = turn.store.tally
        let sequence = turn.take(.outcome)
        turn.mutations.append(
            .putOutcome(name, sequence: sequence, reply: fingerprint + reply))
        var excess = max(0, tally.outcomes + 1 - bounds.outcomes)
        let bytes = Self.fingerprintBytes + reply.count
        if tally.outcomeBytes + bytes > bounds.outcomeBytes {
            excess = max(excess, min(tally.outcomes, bytes / Self.leastBytes + 1))
        }
        // They are numbered without a gap.
        let oldest = sequence - UInt64(tally.outcomes)
        for place in 0..<excess {
            turn.mutations.append(.removeOutcome(sequence: oldest + UInt64(place)))
        }
    }
}
