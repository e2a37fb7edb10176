import Wire

/// What is being written, by who writes it: each client and each address has a share of all leases
/// and open blocks. Soft: a restart knows the clients from the store, and the addresses as their
/// leases are renewed.
struct LeaseHolders: Sendable {
    struct Share: Sendable, Equatable {
        var leases = 0
        var blocks = 0
    }

    struct Holder: Sendable {
        let client: ClientID
        var address: PeerAddress?
        /// 0 for the rest of a value that goes: nobody writes it.
        fileprivate let leases: Int
        /// Planned, and not listed or dropped.
        var blocks: Int
        fileprivate var listed: Listed?
    }

    /// What parts of CLOSE have listed of a value that is being written.
    struct Listed: Sendable, Equatable {
        var blocks = 0
        var length: UInt64 = 0
    }

    private var holders: [LeaseID: Holder] = [:]
    private var clients: [ClientID: Share] = [:]
    private var addresses: [PeerAddress: Share] = [:]

    func share(of client: ClientID) -> Share { clients[client] ?? Share() }
    func share(of address: PeerAddress) -> Share { addresses[address] ?? Share() }

    func holder(of lease: LeaseID) -> Holder? { holders[lease] }

    /// - Parameters:
    ///   - address: `nil` when a restart took the lease over.
    ///   - blocks: planned so far.
    ///   - leases: how many it counts as.
    mutating func take(
        _ lease: LeaseID, client: ClientID, address: PeerAddress?, blocks: Int = 0,
        leases: Int = 1
    ) {
        holders[lease] = Holder(
            client: client, address: address, leases: leases, blocks: blocks)
        count(lease, by: 1)
    }

    /// The lease was used from here. It counts where it was used first.
    mutating func seen(_ lease: LeaseID, from address: PeerAddress) {
        guard let holder = holders[lease], holder.address == nil else { return }
        holders[lease]?.address = address
        let share = Share(leases: holder.leases, blocks: holder.blocks)
        Self.add(share, by: 1, to: &addresses, at: address)
    }

    /// So many more blocks are planned; fewer when it is negative.
    mutating func plan(_ lease: LeaseID, blocks: Int) {
        guard let before = holders[lease]?.blocks else { return }
        count(lease, by: -1)
        holders[lease]?.blocks = max(0, before + blocks)
        count(lease, by: 1)
    }

    /// `nil`: nobody has counted it yet.
    func listed(_ lease: LeaseID) -> Listed? { holders[lease]?.listed }

    mutating func setListed(_ lease: LeaseID, _ listed: Listed) { holders[lease]?.listed = listed }

    mutating func release(_ lease: LeaseID) {
        count(lease, by: -1)
        holders[lease] = nil
    }

    private mutating func count(_ lease: LeaseID, by step: Int) {
        guard let holder = holders[lease] else { return }
        let share = Share(leases: holder.leases, blocks: holder.blocks)
        Self.add(share, by: step, to: &clients, at: holder.client)
        if let address = holder.address { Self.add(share, by: step, to: &addresses, at: address) }
    }

    private static func add<Key>(
        _ share: Share, by step: Int, to shares: inout [Key: Share], at key: Key
    ) {
        var sum = shares[key] ?? Share()
        sum.leases += step * share.leases
        sum.blocks += step * share.blocks
        shares[key] = sum == Share() ? nil : sum
    }
}
