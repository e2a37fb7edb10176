import DataPath
import Wire

// What a datanode says of its blocks when it starts.
extension SimulationOracle {
    /// It vouches for no byte that nobody wrote, and has all that it acked as durable.
    func started(_ node: SimulatedDatanode, _ scan: BlockScan) {
        guard !isBlackBox, !node.isVictim else { return }
        for (block, record) in scan.index.records.sorted(by: { $0.key < $1.key }) {
            checkPrefix(node, block, record)
        }
        for (block, entry) in open.promised(by: node.identity.node) {
            checkPromised(node, block, entry, scan.index[block.block])
        }
    }

    private func checkPrefix(
        _ node: SimulatedDatanode, _ block: BlockID, _ record: DataPath.BlockRecord
    ) {
        guard let entry = open[PlannedBlock(block, record.incarnation)] else { return }
        count(record, entry)
        guard record.state == .mayBeLost, record.length > 0 else { return }
        checked()
        guard holds(node, block, Int(record.length), of: entry) else {
            return fail(
                .start,
                "\(node.name) starts, and vouches for \(record.length) bytes of block \(block) "
                    + "that nobody wrote")
        }
    }

    private func count(_ record: DataPath.BlockRecord, _ entry: OpenBlocks.Entry) {
        switch record.state {
        case .sealed where entry.seal != nil: found.sealed += 1
        case .sealed: found.sealedEarly += 1
        default:
            if entry.durable > 0 { found.promised += 1 }
            if record.length > entry.durable { found.keptMore += 1 }
        }
    }

    private func checkPromised(
        _ node: SimulatedDatanode, _ block: PlannedBlock, _ entry: OpenBlocks.Entry,
        _ found: DataPath.BlockRecord?
    ) {
        // A block whose lease ended is deleted on the namenode's word, and that is no loss. An
        // older namespace has not heard of it.
        guard !cluster.servesOlder, let known = cluster.namenode.record(of: block.block),
            !known.isDoomed, known.incarnation == block.incarnation
        else { return }
        checked()
        let what = "\(node.name) starts, and of block \(block.block)"
        guard let found, [.sealed, .mayBeLost].contains(found.state),
            found.length >= entry.durable
        else {
            return fail(
                .start,
                "\(what) has \(found?.length ?? 0) bytes, and \(entry.durable) are acked as "
                    + "durable")
        }
        if let seal = entry.seal, found.state != .sealed || found.checksum != seal.checksum {
            fail(.start, "\(what) does not know that it was sealed durably")
        }
        guard holds(node, block.block, Int(entry.durable), of: entry) else {
            return fail(
                .start, "\(what) other bytes are there than the \(entry.durable) that are durable")
        }
    }

    private func holds(
        _ node: SimulatedDatanode, _ block: BlockID, _ length: Int, of entry: OpenBlocks.Entry
    ) -> Bool {
        let bytes = node.disk(of: block)?.bytes(
            of: "\(block).blk", from: Int(BlockLayout.payloadOffset), count: length)
        return bytes == entry.value.bytes(entry.position..<entry.position + length)
    }
}
