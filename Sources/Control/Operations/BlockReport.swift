import Wire

extension Namenode {
    /// One line of a block report, as a part of HEARTBEAT.
    mutating func take(
        _ report: ControlBlockState, from id: NodeID, _ turn: inout Turn<some NamespaceReader>
    ) {
        let block = BlockID(report.block)
        guard let record = turn.store.block(block) else {
            // Only what the namespace itself deleted may be deleted: a block it never knew is left
            // alone.
            if report.state != .gone { nodes[id]?.strays += 1 }
            return
        }
        if record.isDoomed {
            takeDoomed(report, record, from: id, &turn)
            return
        }
        guard Epoch(report.epoch) == record.epoch else {
            nodes[id]?.mismatches += 1
            return
        }
        switch report.state {
        case .open: takeOpen(report, record, from: id)
        case .sealed: takeSealed(report, record, from: id, &turn)
        // What was flushed of a block that is still being written is held.
        case .maybeLost where record.state == .open && report.length > 0:
            takeOpen(report, record, from: id)
        case .lost, .maybeLost, .gone: lose(block, on: id)
        case .UNRECOGNIZED: nodes[id]?.mismatches += 1
        }
    }

    private mutating func takeOpen(
        _ report: ControlBlockState, _ record: BlockRecord, from id: NodeID
    ) {
        // A report that was on its way when the seal's receipt came must not undo it.
        if let holder = replicas.holds(id, record.block), holder.sealed, !holder.reported { return }
        let holder = ReplicaMap.Holder(
            node: id, sealed: false, length: report.length, reported: true)
        hold(record, holder)
    }

    private mutating func takeSealed(
        _ report: ControlBlockState, _ record: BlockRecord, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        let fits = report.length == record.length && report.crc == record.checksum
        guard record.state == .open || fits else {
            nodes[id]?.mismatches += 1
            lose(record.block, on: id)
            turn.note(
                Notice(
                    .error, "a replica is not the block the namespace knows",
                    ["node": "\(id)", "block": "\(record.block)"]))
            return
        }
        let holder = ReplicaMap.Holder(
            node: id, sealed: true, length: report.length, reported: true)
        hold(record, holder)
    }

    private mutating func takeDoomed(
        _ report: ControlBlockState, _ record: BlockRecord, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        guard case .doomed(let since, let waiting) = record.state else { return }
        switch report.state {
        case .gone:
            nodes[id]?.doomed[record.block] = nil
            confirm(record, since: since, left: waiting.filter { $0 != id }, was: waiting, &turn)
        case .lost:
            // Out of reach, which is not gone: the node names it again when the device is back.
            nodes[id]?.doomed[record.block] = nil
        default:
            nodes[id]?.doomed[record.block] = DoomedCopy(epoch: Epoch(report.epoch), since: since)
        }
    }
}
