import Wire

extension Namenode {
    /// One line of a block report, as a part of HEARTBEAT.
    mutating func take(
        _ report: ControlBlockState, from id: NodeID, _ turn: inout Turn<some NamespaceReader>
    ) {
        let block = BlockID(report.block)
        // What the node said before is over. Once nothing is left, there is nothing to delete.
        nodes[id]?.stale.remove(block)
        if report.state == .gone {
            nodes[id]?.doomed[block] = nil
            nodes[id]?.strays.remove(block)
        }
        guard let record = turn.store.block(block) else {
            return takeStray(report, from: id, &turn)
        }
        guard isCopy(report, of: record, on: id) else {
            return takeOther(report, record, from: id, &turn)
        }
        if record.isDoomed {
            takeDoomed(report, record, from: id, &turn)
            return
        }
        if record.state == .open { noteDoubt(report, record, from: id) }
        noteDamage(report, from: id)
        guard Epoch(report.epoch) == record.epoch else {
            return takeMismatch(report, record, from: id, &turn)
        }
        switch report.state {
        case .open: takeOpen(report, record, from: id)
        case .sealed: takeSealed(report, record, from: id, &turn)
        // What was flushed of a block that is still being written is held.
        case .maybeLost where record.state == .open && report.length > 0:
            takeOpen(report, record, from: id)
        case .corrupt: condemn(block, on: id, "its node found it corrupt", &turn)
        case .lost, .maybeLost, .gone:
            lose(block, on: id)
            nodes[id]?.corrupt.remove(block)
        case .UNRECOGNIZED: nodes[id]?.mismatches += 1
        }
    }

    /// Whether the node speaks of this block, and not of one that another history of the namespace
    /// made under the same number. Of a file that is all name, what its node had heard of when it
    /// found it has to be of this history, and the node of the block's chain.
    private func isCopy(
        _ report: ControlBlockState, of record: BlockInfo, on id: NodeID
    ) -> Bool {
        if report.state == .gone { return true }
        let incarnation = NamespaceIncarnation(report.incarnation)
        if report.epoch == 0 {
            return record.chain.contains(id) && history.isKnown(record.incarnation, to: incarnation)
        }
        guard record.isDoomed else { return incarnation == record.incarnation }
        return record.deletion.covers(
            epoch: Epoch(report.epoch), incarnation: incarnation, content: Self.content(report))
    }

    private static func content(_ report: ControlBlockState) -> Deletion.Content? {
        guard report.state == .sealed else { return nil }
        return Deletion.Content(length: report.length, checksum: report.crc)
    }

    /// The node has another block under this number: none of this one, and a stray.
    private mutating func takeOther(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        if record.isDoomed {
            release(record, from: id, &turn)
        } else {
            lose(record.block, on: id)
            nodes[id]?.corrupt.remove(record.block)
            if record.state == .open, record.chain.contains(id) {
                nodes[id]?.unsure.insert(record.block)
            }
        }
        takeStray(report, from: id, &turn)
    }

    /// What a node says of a block that is still being written outlives the receipt of its chain.
    private mutating func noteDoubt(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID
    ) {
        guard record.chain.contains(id) else { return }
        switch report.state {
        case .lost, .maybeLost, .gone: nodes[id]?.unsure.insert(record.block)
        case .open, .sealed, .corrupt, .UNRECOGNIZED: break
        }
    }

    /// A file that its node does not vouch for is one all the same.
    private mutating func noteDamage(_ report: ControlBlockState, from id: NodeID) {
        let block = BlockID(report.block)
        guard report.state == .maybeLost else {
            nodes[id]?.damaged.remove(block)
            return
        }
        guard let count = nodes[id]?.damaged.count, count < settings.bounds.corruptPerNode else {
            return
        }
        nodes[id]?.damaged.insert(block)
    }

    private mutating func takeOpen(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID
    ) {
        // A report that was on its way when the seal's receipt came must not undo it.
        if let holder = replicas.holds(id, record.block), holder.sealed, !holder.reported { return }
        let holder = ReplicaMap.Holder(
            node: id, sealed: false, length: report.length, reported: true)
        hold(record, holder)
    }

    private mutating func takeSealed(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        let fits = report.length == record.length && report.crc == record.checksum
        guard record.state == .open || fits else {
            return takeMismatch(report, record, from: id, &turn)
        }
        nodes[id]?.corrupt.remove(record.block)
        nodes[id]?.unsure.remove(record.block)
        let holder = ReplicaMap.Holder(
            node: id, sealed: true, length: report.length, reported: true)
        hold(record, holder)
    }

    /// Only what the namespace itself deleted may be deleted: a block it never knew is left alone,
    /// and shown to the operator (`Strays`).
    private mutating func takeStray(
        _ report: ControlBlockState, from id: NodeID, _ turn: inout Turn<some NamespaceReader>
    ) {
        let block = BlockID(report.block)
        guard report.state != .gone else { return }
        noteBeyond(report, &turn)
        let stray = StrayBlocks.Stray(
            epoch: Epoch(report.epoch), incarnation: NamespaceIncarnation(report.incarnation),
            content: Self.content(report), length: report.length, device: Array(report.deviceID),
            seen: turn.now, isForeign: block.number >= turn.store.counter(.block))
        let most = settings.bounds.straysPerNode
        nodes[id]?.strays.add(block, stray, most: most)
    }

    /// A copy of another epoch, length or checksum: an older state of the block, or other bytes.
    private mutating func takeMismatch(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        let isSealed = report.state == .sealed || report.state == .corrupt
        if isSealed, Epoch(report.epoch) < record.epoch {
            return setAside(record.block, on: id)
        }
        nodes[id]?.mismatches += 1
        switch report.state {
        case .sealed, .corrupt:
            condemn(
                record.block, on: id, "it is not the block the namespace knows", &turn)
        // An open copy of an epoch that is over.
        case .open: if record.state == .sealed { lose(record.block, on: id) }
        // The node may know the name alone.
        case .lost, .maybeLost, .gone, .UNRECOGNIZED: lose(record.block, on: id)
        }
    }

    /// A copy of an epoch that is over, of a node that was away while the block went on without it:
    /// not live, no alarm, and kept until the block goes.
    private mutating func setAside(_ block: BlockID, on id: NodeID) {
        lose(block, on: id)
        nodes[id]?.corrupt.remove(block)
        guard let count = nodes[id]?.stale.count, count < settings.bounds.stalePerNode else {
            return
        }
        nodes[id]?.stale.insert(block)
        unfitNodes.insert(id)
    }

    /// A copy that is not what was sealed: not live from now on, and kept until the block goes.
    private mutating func condemn(
        _ block: BlockID, on id: NodeID, _ reason: String,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        lose(block, on: id)
        guard let count = nodes[id]?.corrupt.count, count < settings.bounds.corruptPerNode,
            nodes[id]?.corrupt.insert(block).inserted == true
        else { return }
        unfitNodes.insert(id)
        turn.note(
            Notice(
                .error, "a replica is corrupt: \(reason)",
                ["node": "\(id)", "block": "\(block)"]))
    }

    private mutating func takeDoomed(
        _ report: ControlBlockState, _ record: BlockInfo, from id: NodeID,
        _ turn: inout Turn<some NamespaceReader>
    ) {
        guard case .doomed(let since, _) = record.state else { return }
        switch report.state {
        case .gone: release(record, from: id, &turn)
        case .lost:
            // Out of reach, which is not gone: the node names it again when the device is back, and
            // is asked again now and then (`tick`).
            nodes[id]?.doomed[record.block] = nil
        default:
            // Of a file that is all name the node knows no more than what it had heard of.
            let deletion =
                report.epoch > 0
                ? record.deletion
                : Deletion(
                    block: record.block, epoch: record.epoch,
                    incarnation: NamespaceIncarnation(report.incarnation))
            let copy = DoomedCopy(deletion: deletion, due: due(record, since: since))
            nodes[id]?.doomed[record.block] = copy
        }
    }

    /// Nothing of a doomed block is left on this node.
    private mutating func release(
        _ record: BlockInfo, from id: NodeID, _ turn: inout Turn<some NamespaceReader>
    ) {
        guard case .doomed(let since, let waiting) = record.state else { return }
        nodes[id]?.doomed[record.block] = nil
        guard waiting.contains(id) else { return }
        var left = record
        left.state = .doomed(since: since, waiting: waiting.filter { $0 != id })
        turn.mutations.append(waiting == [id] ? .removeBlock(record.block) : .putBlock(left))
    }
}
