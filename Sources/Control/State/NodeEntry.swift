import Foundation
import Wire

/// A copy that is to be deleted.
package struct DoomedCopy: Sendable {
    package let deletion: Deletion
    /// From when on the node is told, on the namenode's monotonic clock.
    package let due: Int64
}

/// What the namenode knows of one datanode. All of it is soft: the node tells it again at REGISTER.
package struct NodeEntry: Sendable {
    package let id: NodeID
    package var incarnation: IncarnationID
    package var session: UInt64
    /// Of its directories, as it said at its last REGISTER; 0: it did not.
    package var generation: UInt64 = 0
    package let host: String
    package let port: UInt16
    package let location: Location
    package var devices: [ControlDevice] { didSet { space = NodeSpace(devices) } }
    /// Asked for with every block that is planned.
    package private(set) var space: NodeSpace
    package var software: String
    /// Monotonic milliseconds of the last REGISTER or HEARTBEAT.
    package var lastContact: Int64
    /// Set by the tick that finds it silent for too long; ends the session.
    package var isDead = false
    /// The last HEARTBEAT sequence whose report was applied.
    package var sequence: UInt64 = 0
    package var reportComplete = false
    package var openStreams: UInt32 = 0
    /// As its last HEARTBEAT said them, within `Bounds.metricsPerNode`.
    package var metrics: [ControlMetric] = []
    /// Blocks planned for this node since it last said how full it is.
    package var planned = 0
    /// Blocks it reported that are to be deleted.
    package var doomed = OrderedMap<BlockID, DoomedCopy>()
    /// Where the next HEARTBEAT's commands begin.
    package var doomedCursor = BlockID(0)
    /// Blocks it reported in this session that the namespace does not know. Deleted on an
    /// operator's word alone.
    package var strays = StrayBlocks()
    /// Blocks of which its copy is corrupt, or is another one than was sealed: not live, not handed
    /// to readers. Said again in each session.
    package var corrupt: Set<BlockID> = []
    /// Blocks of which its copy is of an epoch that is over: it was away while the block went on
    /// without it. Not live either, and nobody's fault.
    package var stale: Set<BlockID> = []
    /// Blocks being written of which it said, in this session, that it may not have what it acked:
    /// their receipts do not speak for it. At most `Bounds.openBlocks`.
    package var unsure: Set<BlockID> = []
    /// Blocks whose file it has and does not vouch for: nobody is sent there, and the file goes
    /// with the block. At most `Bounds.corruptPerNode`; the others go when the block's tokens have
    /// ended.
    package var damaged: Set<BlockID> = []
    package var scrubs = NodeScrubs()
    /// Blocks it reported with another length, checksum or epoch than the namespace has.
    package var mismatches = 0
    /// A process with newer directories that wants its place, and since when: it gets it when this
    /// one is silent.
    package var rival: (incarnation: IncarnationID, since: Int64)?
    /// Incarnations that a newer one took the place of, oldest first.
    package var replaced: [IncarnationID] = []
    /// Their last sessions, in the same order.
    package var replacedSessions: [UInt64] = []

    /// As the wire names it.
    package let message: ControlNode

    package init(
        id: NodeID, incarnation: IncarnationID, session: UInt64, host: String, port: UInt16,
        location: Location, devices: [ControlDevice], software: String, lastContact: Int64
    ) {
        self.id = id
        self.incarnation = incarnation
        self.session = session
        self.host = host
        self.port = port
        self.location = location
        self.devices = devices
        space = NodeSpace(devices)
        self.software = software
        self.lastContact = lastContact
        var message = ControlNode()
        message.nodeID = Data(id.bytes)
        message.host = host
        message.port = UInt32(port)
        message.location = location.description
        self.message = message
    }

    /// Its copy of this block is known not to be the block.
    func hasUnfit(_ block: BlockID) -> Bool { corrupt.contains(block) || stale.contains(block) }

    /// Whether there was such a copy.
    mutating func dropUnfit(_ block: BlockID) -> Bool {
        let wasCorrupt = corrupt.remove(block) != nil
        return stale.remove(block) != nil || wasCorrupt
    }

    package var chainNode: ChainNode { ChainNode(node: id, host: host, port: port) }
}

/// What a node's working devices have, all together.
package struct NodeSpace: Sendable {
    package private(set) var capacityBytes: UInt64 = 0
    package private(set) var usedBytes: UInt64 = 0
    /// Room on the emptiest one: a block lies on one device.
    package private(set) var roomBytes: UInt64 = 0

    init(_ devices: [ControlDevice]) {
        for device in devices where !device.failed {
            capacityBytes &+= device.capacityBytes
            usedBytes &+= device.usedBytes
            roomBytes = max(roomBytes, device.freeBytes)
        }
    }
}
