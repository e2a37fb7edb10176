import Metrics
import Wire

// From the namenode's messages to the client's types. Whatever has an impossible shape is
// `malformed`: an answer is a peer's, so nothing here may trap.

func lease(_ message: ControlLease, key: String) throws(ClientError) -> Lease {
    guard let id = LeaseID(bytes: message.leaseID) else {
        throw .malformed(reason: "a lease without an id")
    }
    var bounds: ValueBounds?
    if message.mostBlocks > 0 {
        guard message.blockBytes > 0, message.blockBytes <= message.longestBlock,
            message.longestBlock <= UInt64(Limits.blockBytes.upperBound)
        else { throw .malformed(reason: "a lease for blocks of \(message.blockBytes) bytes") }
        bounds = ValueBounds(
            blockBytes: message.blockBytes, longestBlock: message.longestBlock,
            mostBlocks: Int(message.mostBlocks))
    }
    return Lease(id: id, key: key, milliseconds: message.durationMs, bounds: bounds)
}

func chainNode(_ message: ControlNode) throws(ClientError) -> ChainNode {
    guard let id = NodeID(bytes: message.nodeID), let port = UInt16(exactly: message.port) else {
        throw .malformed(reason: "a node without an id or a port")
    }
    return ChainNode(node: id, host: message.host, port: port)
}

package func plan(_ message: ControlBlockPlan) throws(ClientError) -> BlockPlan {
    var nodes: [ChainNode] = []
    for node in message.chain { nodes.append(try chainNode(node)) }
    guard message.maxLength > 0, message.maxLength <= UInt64(Limits.blockBytes.upperBound) else {
        throw .malformed(reason: "a block of at most \(message.maxLength) bytes")
    }
    return BlockPlan(
        block: BlockID(message.block), epoch: Epoch(message.epoch), maxLength: message.maxLength,
        credentials: try credentials(message.token, nodes), key: try streamKey(message.streamKey))
}

/// The block that was answered, and those behind it.
package func plans(_ message: ControlBlockPlan) throws(ClientError) -> [BlockPlan] {
    var plans = [try plan(message)]
    for next in message.more { plans.append(try plan(next)) }
    return plans
}

func valueBlock(_ message: ControlBlockLocation) throws(ClientError) -> ValueBlock {
    var replicas: [Replica] = []
    for node in message.replicas {
        replicas.append(Replica(node: try chainNode(node), location: node.location))
    }
    let isReadable = !message.token.isEmpty && !replicas.isEmpty
    let (_, overflow) = message.offset.addingReportingOverflow(message.length)
    guard !overflow, message.length <= UInt64(Limits.blockBytes.upperBound) else {
        throw .malformed(reason: "block \(message.block) has impossible bounds")
    }
    return ValueBlock(
        block: BlockID(message.block), epoch: Epoch(message.epoch), offset: message.offset,
        length: message.length, checksum: message.crc, replicas: replicas,
        isIncomplete: message.reportsIncomplete,
        credentials: isReadable ? try credentials(message.token, replicas.map(\.node)) : nil,
        key: isReadable ? try streamKey(message.streamKey) : nil)
}

package func valueBlocks(_ messages: [ControlBlockLocation]) throws(ClientError) -> [ValueBlock] {
    var blocks: [ValueBlock] = []
    for message in messages { blocks.append(try valueBlock(message)) }
    return blocks
}

package func openValue(_ reply: ControlOpenReply) throws(ClientError) -> OpenValue {
    OpenValue(
        value: reply.value, key: reply.key, length: reply.length,
        blocks: try valueBlocks(reply.blocks))
}

private func credentials(
    _ token: some Collection<UInt8>, _ nodes: [ChainNode]
) throws(ClientError) -> Credentials {
    guard let chain = Chain(nodes) else {
        throw .malformed(reason: "a chain of \(nodes.count) nodes")
    }
    guard token.count == Token.byteCount else {
        throw .malformed(reason: "a token of \(token.count) bytes")
    }
    return Credentials(token: Array(token), chain: chain)
}

private func streamKey(_ bytes: some Collection<UInt8>) throws(ClientError) -> StreamKey {
    guard let key = StreamKey(bytes: bytes) else {
        throw .malformed(reason: "a stream key of \(bytes.count) bytes")
    }
    return key
}

func keyInfo(_ message: ControlKeyInfo) throws(ClientError) -> KeyInfo {
    let open = KeyInfo.OpenState(
        length: message.openLength, blocks: Int(message.openBlocks),
        leaseMilliseconds: message.leaseRemainingMs)
    return KeyInfo(
        key: message.key, exists: message.exists, length: message.length,
        created: message.createdUnixMs, blocks: try valueBlocks(message.blocks),
        open: message.open ? open : nil)
}

/// Metrics of an unknown shape are left out: the namenode passes on what datanodes of other
/// versions count.
func samples(_ messages: [ControlMetric]) -> [MetricSample] { messages.compactMap(\.sample) }
