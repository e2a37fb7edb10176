import Wire

/// Writes the replies that leave by the ten thousand each second, byte for byte as SwiftProtobuf
/// would. The others it leaves to SwiftProtobuf.
package enum ReplyWriter {
    /// The message, without a frame.
    package static func body(_ reply: ControlReply) -> [UInt8] {
        if let bytes = quick(reply) { return bytes }
        do { return try reply.serializedBytes() } catch {
            preconditionFailure("a reply can be written: \(error)")
        }
    }

    /// The message in its frame.
    /// - Throws: `tooLong` for a message over the bound.
    static func frame(_ body: [UInt8]) throws(ControlFrame.Failure) -> [UInt8] {
        let count = UInt32(clamping: body.count)
        guard body.count <= Limits.controlMessageBytes else { throw .tooLong(count) }
        var frame: [UInt8] = []
        frame.reserveCapacity(4 + body.count)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            frame.append(UInt8(truncatingIfNeeded: count >> shift))
        }
        frame += body
        return frame
    }

    static func quick(_ reply: ControlReply) -> [UInt8]? {
        guard reply.code == .ok, reply.message.isEmpty, reply.liveNodes == 0,
            reply.neededNodes == 0, let result = reply.result
        else { return nil }
        var writer = ProtoWriter(capacity: 384)
        writer.number(1, reply.requestID)
        switch result {
        case .create(let lease): writer.message(12) { write(lease, &$0) }
        case .addBlock(let plan): writer.message(13) { write(plan, &$0) }
        case .renew(let lease): writer.message(14) { write(lease, &$0) }
        case .close: writer.message(15) { _ in }
        case .open(let open): writer.message(17) { write(open, &$0) }
        case .info(let info): writer.message(18) { write(info, &$0) }
        case .list(let list): writer.message(19) { write(list, &$0) }
        default: return nil
        }
        return writer.bytes
    }

    private static func write(_ lease: ControlLease, _ writer: inout ProtoWriter) {
        writer.data(1, lease.leaseID)
        writer.number(2, lease.durationMs)
        writer.number(70, lease.blockBytes)
        writer.number(71, lease.longestBlock)
        writer.number(72, UInt64(lease.mostBlocks))
    }

    private static func write(_ plan: ControlBlockPlan, _ writer: inout ProtoWriter) {
        writer.number(1, plan.block)
        writer.number(2, plan.epoch)
        writer.number(3, plan.maxLength)
        for node in plan.chain { writer.message(4) { write(node, &$0) } }
        writer.data(5, plan.token)
        for next in plan.more { writer.message(6) { write(next, &$0) } }
        writer.data(50, plan.streamKey)
    }

    private static func write(_ node: ControlNode, _ writer: inout ProtoWriter) {
        writer.data(1, node.nodeID)
        writer.text(2, node.host)
        writer.number(3, UInt64(node.port))
        writer.text(4, node.location)
    }

    private static func write(_ block: ControlBlockLocation, _ writer: inout ProtoWriter) {
        writer.number(1, block.block)
        writer.number(2, block.epoch)
        writer.number(3, block.offset)
        writer.number(4, block.length)
        writer.number(5, UInt64(block.crc))
        for node in block.replicas { writer.message(6) { write(node, &$0) } }
        writer.data(7, block.token)
        writer.data(50, block.streamKey)
        writer.number(80, block.reportsIncomplete ? 1 : 0)
    }

    private static func write(_ open: ControlOpenReply, _ writer: inout ProtoWriter) {
        writer.text(1, open.key)
        writer.number(2, open.length)
        for block in open.blocks { writer.message(3) { write(block, &$0) } }
        writer.number(4, open.value)
    }

    private static func write(_ list: ControlListReply, _ writer: inout ProtoWriter) {
        for entry in list.entries {
            writer.message(1) { writer in
                writer.text(1, entry.key)
                writer.number(2, entry.length)
                writer.number(3, UInt64(bitPattern: entry.createdUnixMs))
                writer.number(4, entry.prefix ? 1 : 0)
            }
        }
        writer.number(2, list.more ? 1 : 0)
        writer.text(3, list.next)
    }

    private static func write(_ info: ControlKeyInfo, _ writer: inout ProtoWriter) {
        writer.text(1, info.key)
        writer.number(2, info.exists ? 1 : 0)
        writer.number(3, info.length)
        writer.number(4, UInt64(bitPattern: info.createdUnixMs))
        for block in info.blocks { writer.message(5) { write(block, &$0) } }
        writer.number(6, info.open ? 1 : 0)
        writer.number(7, info.openLength)
        writer.number(8, info.leaseRemainingMs)
        writer.number(9, UInt64(info.openBlocks))
    }
}
