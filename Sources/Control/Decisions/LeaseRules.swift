import Wire

/// Who may write a key, and until when.
package enum LeaseRules {
    package enum Create: Equatable, Sendable {
        case grant
        /// The caller has this lease already.
        case again(LeaseID)
        case exists
        case leased
    }

    /// A lease ends at its deadline, not after it.
    package static func hasEnded(deadline: Int64, now: Int64) -> Bool { now >= deadline }

    /// - Parameter holder: the key's lease, when one has not ended.
    package static func create(
        client: ClientID, overwrite: Bool, keyExists: Bool, holder: LeaseRecord?
    ) -> Create {
        if keyExists, !overwrite { return .exists }
        guard let holder else { return .grant }
        return holder.client == client ? .again(holder.id) : .leased
    }
}
