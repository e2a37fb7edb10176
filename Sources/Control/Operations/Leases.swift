import Foundation
import Wire

extension Namenode {
    /// RENEW: the lease's full time from now. The clock runs while the namenode waits for
    /// datanodes, so it renews then too.
    mutating func renew(
        _ request: ControlRenew, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlLease {
        let lease = try lease(request.leaseID, turn)
        leaseHolders.seen(lease.id, from: turn.caller.address)
        return extend(lease.id, now: turn.now)
    }

    /// ABANDON: drops the open value; what the key named before stays. Needs no datanodes, as a
    /// lease's end by itself needs none.
    mutating func abandon(
        _ request: ControlAbandon, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        let lease = try lease(request.leaseID, turn)
        let holder = leaseHolders.holder(of: lease.id)
        end(lease.id, &turn)
        drop(lease.value, of: holder, &turn)
        return ControlEmpty()
    }

    /// The lease is over, and its key free.
    mutating func end(_ lease: LeaseID, _ turn: inout Turn<some NamespaceReader>) {
        leaseClocks.remove(lease)
        leaseHolders.release(lease)
        turn.mutations.append(.removeLease(lease))
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
