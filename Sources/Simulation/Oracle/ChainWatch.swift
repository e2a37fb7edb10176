import Client
import DataPath
import Reactor
import Wire

/// A block that is being written: its chain's invariants, looked at after every turn of a member.
struct ChainWatch {
    let block: PlannedBlock
    let chain: [NodeID]
    let value: SimulatedValue
    /// Of the block's first byte in the value.
    let position: Int
    let client: String
    /// Members that were started later hold nothing of what is watched.
    let since: UInt64
    /// The highest ack that was heard, on any stream.
    var acked = Progress()
    /// Bytes that were compared on each member's disk.
    private var compared: [UInt64]

    init(
        _ plan: BlockPlan, _ value: SimulatedValue, at position: Int, by client: String, now: UInt64
    ) {
        block = PlannedBlock(plan)
        chain = plan.credentials.chain.nodes.map(\.node)
        self.value = value
        self.position = position
        self.client = client
        since = now
        compared = chain.map { _ in 0 }
    }

    mutating func heard(_ progress: Progress) {
        acked = Progress(
            received: max(acked.received, progress.received),
            written: max(acked.written, progress.written),
            durable: max(acked.durable, progress.durable))
    }

    /// - Returns: the first thing that is not as it must be.
    mutating func defect(_ cluster: SimulatedCluster) -> String? {
        let nodes = chain.map { id in
            cluster.datanode(id).flatMap { $0.isUp && $0.startedAt < since ? $0 : nil }
        }
        let views = nodes.map { $0?.inspect(block.block) }
        for (place, node) in nodes.enumerated() {
            guard let node else { continue }
            if let defect = ackDefect(node, views[place]) { return defect }
            guard let view = views[place] else { continue }
            if let defect = ownDefect(place, node, view) { return defect }
            if place + 1 < views.count, let next = views[place + 1],
                let defect = prefixDefect(node, view, next)
            {
                return defect
            }
        }
        return nil
    }

    /// Offsets are ordered, what is told is true here and behind, and what counts as written is on
    /// the device.
    private mutating func ownDefect(
        _ place: Int, _ node: SimulatedDatanode, _ view: BlockInspection
    ) -> String? {
        if !view.own.isOrdered || view.own.received != view.hwm {
            return "\(node.name)'s offsets are out of order: \(view.own), HWM \(view.hwm)"
        }
        if view.sent.exceeds(view.own) {
            return "\(node.name) told \(view.sent), and holds \(view.own)"
        }
        if !view.isTail, view.sent.exceeds(view.behind) {
            return "\(node.name) told \(view.sent), and the chain behind has \(view.behind)"
        }
        return deviceDefect(place, node, view.own.written)
    }

    /// Compares what it has not compared yet with what was sent.
    mutating func deviceDefect(
        _ place: Int, _ node: SimulatedDatanode, _ written: UInt64
    ) -> String? {
        guard !node.mayDamage, written > compared[place] else { return nil }
        let from = compared[place]
        compared[place] = written
        let range = position + Int(from)..<position + Int(written)
        let bytes = node.disk(of: block.block)?.bytes(
            of: "\(block.block).blk", from: Int(BlockLayout.payloadOffset + from),
            count: range.count)
        guard bytes != value.bytes(range) else { return nil }
        return "bytes \(from) to \(written) of block \(block.block) count as written, and are not "
            + "on \(node.name)'s disk"
    }

    /// What a node holds is a prefix of what the node before it holds.
    private func prefixDefect(
        _ node: SimulatedDatanode, _ view: BlockInspection, _ next: BlockInspection
    ) -> String? {
        if next.hwm > view.hwm {
            return
                "\(node.name) holds \(view.hwm) of block \(block.block), and the next \(next.hwm)"
        }
        guard !view.wholeChunks.starts(with: next.wholeChunks) else { return nil }
        return "\(node.name) and the next hold different chunks of block \(block.block)"
    }

    /// What the writer was told is true of every member, so what it may forget needs nobody to
    /// resend it.
    private func ackDefect(_ node: SimulatedDatanode, _ view: BlockInspection?) -> String? {
        let report = node.reported(block.block)
        let own: Progress
        switch (view, report?.state) {
        // A member whose device failed says that it may have lost what it acked.
        case (_, .lost?), (_, .mayBeLost?), (_, .gone?), (_, .corrupt?): return nil
        case (_, .sealed?):
            let length = report?.length ?? 0
            own = Progress(received: length, written: length, durable: length)
        case (let view?, _): own = view.own
        case (nil, .open?), (nil, nil): own = Progress()
        }
        guard acked.exceeds(own) else { return nil }
        return "\(client) was told \(acked) of block \(block.block), and \(node.name) holds \(own)"
    }
}
