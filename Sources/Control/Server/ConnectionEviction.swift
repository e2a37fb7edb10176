/// What a connection is to the namenode. Each standing has places of its own, so that none can
/// take another's.
package enum Standing: Sendable, CaseIterable {
    /// It has yet to say HELLO, or to prove that it is the datanode it says it is.
    case arriving
    case client
    /// A datanode that proved the cluster's secret on this connection.
    case datanode
}

extension Bounds {
    /// Connections of one standing.
    package func connections(_ standing: Standing) -> Int {
        switch standing {
        case .arriving: max(1, connections / 8)
        case .datanode: max(1, connections / 4)
        case .client: connections - connections(.arriving) - connections(.datanode)
        }
    }
}

/// A connection as the choice of who gives way sees it.
package struct Seat: Sendable, Equatable {
    package let number: UInt64
    package let address: PeerAddress
    /// When its last whole message came, or it itself.
    package let heard: Int64
    /// Nothing that it asked for is unanswered.
    package let isIdle: Bool
    /// It asked for something since it said HELLO.
    package let hasAsked: Bool

    package init(
        number: UInt64, address: PeerAddress, heard: Int64, isIdle: Bool, hasAsked: Bool
    ) {
        self.number = number
        self.address = address
        self.heard = heard
        self.isIdle = isIdle
        self.hasAsked = hasAsked
    }
}

/// Who gives way when all places of a standing are taken: a connection costs its owner nothing to
/// make again, and keeping everybody else out costs a cluster its service.
package enum ConnectionEviction {
    /// Of so many idle ones, one gives way at a time: looking at all of them pays for several who
    /// come.
    private static let part = 64

    /// Idle ones go first, from the address that has most connections: those that never asked for
    /// anything, then who was silent for longest. When there is none, an address that has more than
    /// the newcomer's gives one up.
    /// - Parameter quietMs: how long one that asked must have been silent to count as idle.
    /// - Returns: whose connections are to be closed; empty: the newcomer finds no place.
    package static func givingWay(
        among seats: [Seat], to newcomer: PeerAddress, quietMs: Int64, now: Int64
    ) -> [UInt64] {
        var held: [PeerAddress: Int] = [:]
        for seat in seats { held[seat.address, default: 0] += 1 }
        let order = seats.sorted { left, right in
            let (most, other) = (held[left.address] ?? 0, held[right.address] ?? 0)
            if most != other { return most > other }
            if left.isIdle != right.isIdle { return left.isIdle }
            if left.hasAsked != right.hasAsked { return right.hasAsked }
            return left.heard < right.heard
        }
        let quiet = order.filter {
            $0.isIdle && (!$0.hasAsked || now - $0.heard >= quietMs)
        }
        if !quiet.isEmpty {
            return quiet.prefix(max(1, seats.count / Self.part)).map(\.number)
        }
        guard let first = order.first, held[first.address] ?? 0 > (held[newcomer] ?? 0) + 1 else {
            return []
        }
        return [first.number]
    }
}
