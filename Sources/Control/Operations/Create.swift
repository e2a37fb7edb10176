import Foundation
import Wire

extension Namenode {
    /// CREATE: the right to write one key. What the key names now stays until CLOSE.
    mutating func create(
        _ request: ControlCreate, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlLease {
        let key = try Self.key(request.key)
        try requireNodes(forNewBytes: true, in: turn.store, now: turn.now)
        guard request.length <= settings.mostValueBytes else {
            throw Refusal(
                .malformed,
                "a value has at most \(settings.mostValueBytes) bytes here, "
                    + "\(settings.bounds.blocksPerValue) blocks of \(settings.mostBlockBytes), "
                    + "and this one \(request.length)")
        }
        let holder = turn.store.lease(writing: key)
        let exists = turn.store.key(key) != nil
        switch LeaseRules.create(
            client: turn.client, overwrite: request.overwrite, keyExists: exists, holder: holder)
        {
        case .exists: throw Refusal(.exists, "\(key) exists")
        case .leased: throw Refusal(.leased, "another client is writing \(key)")
        case .again(let id):
            if var lease = holder, lease.overwrite != request.overwrite {
                lease.overwrite = request.overwrite
                turn.mutations.append(.putLease(lease))
            }
            return granted(id, now: turn.now)
        case .grant:
            try requireRoomForLease(turn)
            let id = LeaseID(using: &generator)
            let lease = LeaseRecord(
                id: id, client: turn.client, key: key, overwrite: request.overwrite,
                value: ValueID(turn.take(.value)))
            turn.mutations.append(.putLease(lease))
            leaseHolders.take(id, client: turn.client, address: turn.caller.address)
            return granted(id, now: turn.now)
        }
    }

    /// What CREATE gives: the lease, and what its writer has to know to choose its blocks' length.
    private mutating func granted(_ id: LeaseID, now: Int64) -> ControlLease {
        var lease = extend(id, now: now)
        lease.blockBytes = UInt64(settings.blockBytes)
        lease.longestBlock = settings.mostBlockBytes
        lease.mostBlocks = UInt32(clamping: settings.bounds.blocksPerValue)
        return lease
    }

    /// No client takes what is everybody's. An address takes no more than is left for the others,
    /// however many clients it has: who comes later finds room too.
    private func requireRoomForLease(
        _ turn: borrowing Turn<some NamespaceReader>
    ) throws(Refusal) {
        let bounds = settings.bounds
        try Self.require(
            leaseHolders.share(of: turn.client).leases, below: bounds.leasesPerClient,
            "this client writes %d keys at once: close some")
        let held = turn.store.tally.leases - dropping.count
        try Self.require(held, below: bounds.leases, "%d keys are being written: try again")
        let own = leaseHolders.share(of: turn.caller.address).leases
        try Self.require(
            own, below: bounds.leasesPerAddress, "this address writes %d keys at once: try again")
        try Self.require(
            own, below: bounds.leases - held, "no more keys are left for this address: try again")
    }

    /// - Parameter sentence: for whoever is refused, with `%d` for the bound.
    static func require(
        _ count: Int, below bound: Int, _ sentence: String
    ) throws(Refusal) {
        guard count < bound else {
            throw Refusal(.busy, sentence.replacing("%d", with: "\(bound)"))
        }
    }

    static func key(_ text: String) throws(Refusal) -> Key {
        guard let key = Key(text) else {
            throw Refusal(
                .badKey,
                "a key has \(Limits.keyBytes.lowerBound) to \(Limits.keyBytes.upperBound) bytes, "
                    + "this one \(text.utf8.count)")
        }
        return key
    }
}

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
