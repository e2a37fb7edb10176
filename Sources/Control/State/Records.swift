import Wire

/// The run of blocks that a key names. One value belongs to one lease until CLOSE and to one key
/// after it, so a rename moves a number and not the blocks.
package struct ValueID: Hashable, Sendable, Comparable, BitwiseCopyable {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A committed key.
package struct KeyRecord: Sendable, Equatable {
    package var value: ValueID
    package var length: UInt64
    /// For people; nothing depends on it.
    package var createdUnixMs: Int64

    package init(value: ValueID, length: UInt64, createdUnixMs: Int64) {
        self.value = value
        self.length = length
        self.createdUnixMs = createdUnixMs
    }
}

/// A key that is being written. Its deadline is soft state: after a restart it gets a full new
/// duration.
package struct LeaseRecord: Sendable, Equatable {
    package var id: LeaseID
    package var client: ClientID
    package var key: Key
    package var overwrite: Bool
    package var value: ValueID
    /// Blocks planned so far; the next one's ordinal.
    package var blocks: Int
    /// At which level blocks were listed before the last CLOSE; `nil`: none were.
    package var listed: Level?

    /// Nobody holds it: it stands for a value that goes, until the last of its blocks is doomed. No
    /// key is empty.
    package var isDropping: Bool { key.bytes.isEmpty }

    package init(dropping value: ValueID, id: LeaseID) {
        self.init(id: id, client: .none, key: Key(point: []), overwrite: false, value: value)
    }

    package init(
        id: LeaseID, client: ClientID, key: Key, overwrite: Bool, value: ValueID, blocks: Int = 0,
        listed: Level? = nil
    ) {
        self.id = id
        self.client = client
        self.key = key
        self.overwrite = overwrite
        self.value = value
        self.blocks = blocks
        self.listed = listed
    }
}

/// A block from ADDBLOCK until every node that may hold it has deleted it.
package struct BlockInfo: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// Planned for a lease.
        case open
        /// Part of a key.
        case sealed
        /// Of no key any more. `waiting` are the nodes that may still hold it; `since` is the
        /// namenode's monotonic time, and a store that reloads the record puts its start here.
        case doomed(since: Int64, waiting: [NodeID])
    }

    package var block: BlockID
    package var epoch: Epoch
    package var value: ValueID
    /// The order of the value's blocks: of ADDBLOCK while open, the offset in the value once
    /// sealed.
    package var position: UInt64
    package var length: UInt64
    package var checksum: UInt32
    package var state: State
    /// Head first.
    package var chain: [NodeID]
    /// Of the start that gave its number.
    package var incarnation: NamespaceIncarnation

    package init(
        block: BlockID, epoch: Epoch, value: ValueID, position: UInt64, length: UInt64 = 0,
        checksum: UInt32 = 0, state: State = .open, chain: [NodeID],
        incarnation: NamespaceIncarnation = .unknown
    ) {
        self.block = block
        self.epoch = epoch
        self.value = value
        self.position = position
        self.length = length
        self.checksum = checksum
        self.state = state
        self.chain = chain
        self.incarnation = incarnation
    }

    package var isDoomed: Bool {
        if case .doomed = state { true } else { false }
    }

    /// What datanodes are told to delete. A block that was a key's has bytes.
    package var deletion: Deletion {
        Deletion(
            block: block, epoch: epoch, incarnation: incarnation,
            content: length > 0 ? Deletion.Content(length: length, checksum: checksum) : nil)
    }
}

/// Names a mutating request, so that a retry gets the first answer.
package struct RequestName: Hashable, Sendable {
    package let client: ClientID
    package let request: UInt64

    package init(client: ClientID, request: UInt64) {
        self.client = client
        self.request = request
    }
}
