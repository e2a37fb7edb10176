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

    /// The lease is over, and its key free.
    mutating func end(_ lease: LeaseID, _ turn: inout Turn<some NamespaceReader>) {
        leaseClocks.remove(lease)
        leaseHolders.release(lease)
        turn.mutations.append(.removeLease(lease))
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

    /// Gives a lease its full time from now.
    mutating func extend(_ id: LeaseID, now: Int64) -> ControlLease {
        leaseClocks.set(id, to: now + settings.leaseMs)
        var lease = ControlLease()
        lease.leaseID = Data(id.bytes)
        lease.durationMs = UInt64(clamping: settings.leaseMs)
        return lease
    }

    /// A lease that has not ended. Its UUID is the right to write: who knows it may have been given
    /// it by the client that holds it.
    func lease(
        _ bytes: Data, _ turn: borrowing Turn<some NamespaceReader>
    ) throws(Refusal) -> LeaseRecord {
        guard let id = LeaseID(bytes: bytes) else {
            throw Refusal(.malformed, "a lease id has 16 bytes")
        }
        guard let lease = turn.store.lease(id), let deadline = leaseClocks.deadline(id),
            !LeaseRules.hasEnded(deadline: deadline, now: turn.now)
        else { throw Refusal(.leaseExpired, "lease \(id) has ended") }
        return lease
    }
}
