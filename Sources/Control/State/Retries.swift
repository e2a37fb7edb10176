import Wire

/// Gives the retry of a mutating request its first answer.
///
/// Only successes are kept: a refusal changed nothing, so that a retry may well be judged anew. The
/// kept bytes are 8 that tell a retry from another request under the same id, then the reply. The
/// eight are FNV-1a's of the whole request: a client that gives one id to two requests is mistaken,
/// not cunning, since it can only cheat itself.
struct Retries {
    private static let fingerprintBytes = 8

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

    func keep(
        _ reply: [UInt8], bounds: Bounds, _ holders: inout AnswerHolders,
        in turn: inout Turn<some NamespaceReader>
    ) {
        let answers = turn.store.answers
        let kept = fingerprint + reply
        let address = turn.caller.address
        var leaving = answers.overShare(of: name.client, adding: kept.count, bounds: bounds)
        leaving += holders.overShare(
            of: address, adding: kept.count, but: leaving, bounds: bounds)
        leaving += answers.excess(adding: kept.count, but: leaving, bounds: bounds)
        turn.mutations += leaving.map { .removeOutcome(sequence: $0) }
        var logged = answers.overdue(but: leaving, bounds: bounds)
        let owners = logged.map { answer in
            answers.sequence(of: answer.name).flatMap { holders.forget($0) }
        }
        for sequence in leaving { holders.forget(sequence) }
        logged.append((name, kept))
        let first = turn.take(.outcome, count: logged.count)
        for (place, answer) in logged.enumerated() {
            turn.mutations.append(
                .putOutcome(
                    answer.name, sequence: first + UInt64(place), reply: answer.reply))
            let owner = place < owners.count ? owners[place] : address
            if let owner {
                holders.keep(first + UInt64(place), bytes: answer.reply.count, to: owner)
            }
        }
    }

    /// What a start forgets again: clients' answers over their shares, which a store may still have
    /// in its log.
    static func trim(_ answers: KeptAnswers, bounds: Bounds) -> [Mutation] {
        answers.clients.flatMap { client in
            answers.overShare(of: client, bounds: bounds)
        }.map { .removeOutcome(sequence: $0) }
    }
}
