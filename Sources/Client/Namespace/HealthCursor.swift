import FoundationEssentials
import Wire

/// Walks how well every value under a prefix is kept, in byte order of the keys, a page in memory
/// at a time.
///
///     var cursor = namespace.health(prefix: "photos/")
///     while let key = try cursor.next() { ... }
public struct HealthCursor {
    private let namespace: NamespaceClient
    private let prefix: String
    private let showsBlocks: Bool
    private let showsLocations: Bool
    private var start: (key: String, offset: UInt64)? = ("", 0)
    private var keys: ArraySlice<KeyHealth> = []
    /// The largest that any page said: nodes that have yet to name all they hold, and dead ones.
    public private(set) var incompleteReports = 0
    public private(set) var deadNodes = 0

    init(_ namespace: NamespaceClient, prefix: String, blocks: Bool, locations: Bool) {
        self.namespace = namespace
        self.prefix = prefix
        showsBlocks = blocks
        showsLocations = locations
    }

    /// The next value; `nil` at the end. A value of many blocks comes as one, over all its pages.
    public mutating func next() throws(ClientError) -> KeyHealth? {
        while keys.isEmpty, start != nil { try fetch() }
        guard var key = keys.popFirst() else { return nil }
        // The last of a page may go on in the next.
        while keys.isEmpty, let from = start, from.key == key.key, from.offset > 0 {
            try fetch()
            guard let more = keys.first, more.key == key.key else { break }
            key.add(more)
            keys.removeFirst()
        }
        return key
    }

    private mutating func fetch() throws(ClientError) {
        guard let from = start else { return }
        var message = ControlFsck()
        message.prefix = prefix
        message.startAfter = from.key
        message.startOffset = from.offset
        message.blocks = showsBlocks
        message.locations = showsLocations
        let reply = try namespace.call(.fsck(message), key: prefix).fsck
        guard !reply.more || (reply.next, reply.nextOffset) != from else {
            throw .malformed(reason: "a check that does not go on")
        }
        keys = reply.keys.map(KeyHealth.init)[...]
        start = reply.more ? (reply.next, reply.nextOffset) : nil
        incompleteReports = max(incompleteReports, Int(reply.reportsIncomplete))
        deadNodes = max(deadNodes, Int(reply.dead))
    }
}

extension NamespaceClient {
    public func health(
        prefix: String = "", blocks: Bool = false, locations: Bool = false
    ) -> HealthCursor {
        HealthCursor(self, prefix: prefix, blocks: blocks, locations: locations)
    }

    /// Has a node look at its copy of a block that a reader found bad.
    public func reportBad(_ block: BlockID, _ epoch: Epoch, on node: NodeID) throws(ClientError) {
        var message = ControlReportBad()
        message.block = block.number
        message.epoch = epoch.number
        message.nodeID = Data(node.bytes)
        _ = try call(.reportBad(message), key: "", limit: Self.shortCall)
    }

    /// Says that a node does not answer: the namenode names it last for a while.
    public func reportSilent(_ node: NodeID) throws(ClientError) {
        _ = try call(.silent(node), key: "", limit: Self.shortCall)
    }

    /// How far scrubs are; with `start`, asks for one now.
    /// - Parameters:
    ///   - node: `nil` for every node.
    ///   - block: `nil` for every block.
    /// - Returns: how many nodes are told with their next heartbeat, and the scrubs.
    public func scrub(
        start: Bool = false, node: NodeID? = nil, block: BlockID? = nil
    ) throws(ClientError) -> (asked: Int, nodes: [NodeScrub]) {
        var message = ControlScrub()
        message.start = start
        if let node { message.nodeID = Data(node.bytes) }
        if let block { message.block = block.number }
        let reply = try call(.scrub(message), key: "").scrub
        return (Int(reply.asked), reply.nodes.map(NodeScrub.init))
    }

    /// Blocks on datanodes that the namespace does not know.
    /// - Parameter delete: the operator's word that those shown may go.
    public func strays(node: NodeID? = nil, delete: Bool = false) throws(ClientError) -> StrayList {
        var message = ControlStrays()
        if let node { message.nodeID = Data(node.bytes) }
        message.delete = delete
        let reply = try call(.strays(message), key: "").strays
        return StrayList(
            strays: reply.strays.map(StrayBlock.init), total: reply.total,
            deleting: reply.deleting, kept: reply.kept)
    }
}

extension ControlRequest.OneOf_Operation {
    /// The word of a client that a node does not answer.
    package static func silent(_ node: NodeID) -> Self {
        var message = ControlReportBad()
        message.nodeID = Data(node.bytes)
        message.reason = .silent
        return .reportBad(message)
    }
}
