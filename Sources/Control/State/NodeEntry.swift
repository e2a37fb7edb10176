import Foundation
import Wire

/// What the namenode knows of one datanode. All of it is soft: the node tells it again at REGISTER.
package struct NodeEntry: Sendable {
    package let id: NodeID
    package var incarnation: IncarnationID
    package var session: UInt64
    package var host: String
    package var port: UInt16
    package var location: Location
    package var devices: [ControlDevice]
    package var software: String
    /// Monotonic milliseconds of the last REGISTER or HEARTBEAT.
    package var lastContact: Int64
    /// Set by the tick that finds it silent for too long; ends the session.
    package var isDead = false
    /// The last HEARTBEAT sequence whose report was applied.
    package var sequence: UInt64 = 0
    package var reportComplete = false
    package var openStreams: UInt32 = 0
    /// Blocks planned for this node since it last said how full it is.
    package var planned = 0
    /// Blocks it holds, as it reported them or as a receipt vouches.
    package var blocks: Set<BlockID> = []
    /// What it held in an earlier session and has not named again: forgotten bit by bit.
    package var leftover: [BlockID] = []
    /// Blocks it reported that are to be deleted.
    package var doomed = OrderedMap<BlockID, Epoch>()
    /// Where the next HEARTBEAT's commands begin.
    package var doomedCursor = BlockID(0)
    /// Blocks it reported in this session that the namespace does not know. Counted, never deleted.
    package var strays = 0
    /// Blocks it reported with another length, checksum or epoch than the namespace has.
    package var mismatches = 0
    /// Incarnations that a newer one took the place of, oldest first.
    package var replaced: [IncarnationID] = []
    /// Their last sessions, in the same order.
    package var replacedSessions: [UInt64] = []

    package var chainNode: ChainNode { ChainNode(node: id, host: host, port: port) }

    /// As the wire names it, at its node's place or one of its devices'.
    package var message: ControlNode {
        var node = ControlNode()
        node.nodeID = Data(id.bytes)
        node.host = host
        node.port = UInt32(port)
        node.location = location.description
        return node
    }

    package var capacityBytes: UInt64 { working.reduce(0) { $0 &+ $1.capacityBytes } }
    package var usedBytes: UInt64 { working.reduce(0) { $0 &+ $1.usedBytes } }
    /// Room on the emptiest working device: a block lies on one device.
    package var roomBytes: UInt64 { working.map(\.freeBytes).max() ?? 0 }

    private var working: [ControlDevice] { devices.filter { !$0.failed } }
}
