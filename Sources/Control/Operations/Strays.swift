import Foundation
import Wire

extension Namenode {
    /// STRAYS: blocks on datanodes that the namespace does not know, and the operator's word that
    /// they may go.
    ///
    /// A stray is deleted only when it was shown for `strayDelayMs` at least, and never when its
    /// number is one that this namespace had not given yet, nor while it is known to be older than
    /// its datanodes: then the block may be somebody's only copy.
    mutating func strays(
        _ request: ControlStrays, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlStraysReply {
        let named = try node(named: request.nodeID)
        var reply = ControlStraysReply()
        var room = settings.bounds.replyListBytes
        let shown = nodes.values.filter { named == nil || $0.id == named }
        for node in shown.sorted(by: Self.comesFirst) {
            reply.total += UInt64(node.strays.count)
            for (block, stray) in node.strays.known.sorted(by: { $0.key < $1.key }) {
                var isDeleting = stray.isDeleting
                if request.delete, !isDeleting {
                    if history.behind == nil, !stray.isForeign,
                        turn.now - stray.seen >= settings.strayDelayMs
                    {
                        isDeleting = true
                        order(block, stray, on: node.id, &turn)
                    } else {
                        reply.kept += 1
                    }
                }
                if isDeleting { reply.deleting += 1 }
                guard room > 0 else { continue }
                let message = Self.message(
                    block, stray, node, isDeleting: isDeleting, now: turn.now)
                room -= Self.strayBytes + message.path.utf8.count + node.host.utf8.count
                reply.strays.append(message)
            }
        }
        return reply
    }

    /// What a stray takes in an answer besides its names, at most.
    private static var strayBytes: Int { 160 }

    private mutating func order(
        _ block: BlockID, _ stray: StrayBlocks.Stray, on id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        nodes[id]?.strays.markDeleting(block)
        let deletion = Deletion(
            block: block, epoch: stray.epoch, incarnation: stray.incarnation,
            content: stray.content)
        let copy = DoomedCopy(deletion: deletion, due: due(nil, since: turn.now))
        nodes[id]?.doomed[block] = copy
        turn.note(
            Notice(
                .warning, "a stray block is to be deleted, as the operator said",
                ["node": "\(id)", "block": "\(block)"]))
    }

    private static func message(
        _ block: BlockID, _ stray: StrayBlocks.Stray, _ node: NodeEntry, isDeleting: Bool,
        now: Int64
    ) -> ControlStray {
        var message = ControlStray()
        message.node = node.message
        message.block = block.number
        message.epoch = stray.epoch.number
        message.length = stray.length
        message.deviceID = Data(stray.device)
        if let device = node.devices.first(where: { Array($0.deviceID) == stray.device }) {
            message.path = "\(device.path)/blocks/\(block).blk"
        }
        message.seenMs = UInt64(clamping: now - stray.seen)
        message.foreign = stray.isForeign
        message.deleting = isDeleting
        return message
    }
}
