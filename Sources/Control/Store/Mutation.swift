import Wire

/// One change to the namespace. A transaction is a list of them.
package enum Mutation: Sendable, Equatable {
    case putKey(Key, KeyRecord)
    case removeKey(Key)
    case putLease(LeaseRecord)
    case removeLease(LeaseID)
    case putBlock(BlockInfo)
    case removeBlock(BlockID)
    case setCounter(Counter, UInt64)
    /// Keeps a request's answer under the next `sequence`; one that is kept under an earlier one
    /// moves.
    case putOutcome(RequestName, sequence: UInt64, reply: [UInt8])
    /// Forgets the answer that has this sequence.
    case removeOutcome(sequence: UInt64)
    /// All of them, in the place of those before.
    case setSigningKeys(SigningKeys.Saved)
    case setHistory(NamespaceHistory)

    /// Numbers that never go back. Each is the next one to give away.
    package enum Counter: Sendable, Hashable, CaseIterable {
        case block, value, outcome, session, signingKey
    }
}
