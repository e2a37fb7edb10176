import Wire

extension Namenode {
    /// CLOSE: the open value becomes the key's, at once, and takes the place of what the key named
    /// before. A long value's blocks come in several, of which only the last does that: the others
    /// say `more`.
    mutating func close(
        _ request: ControlClose, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlEmpty {
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        var lease = try lease(request.leaseID, turn)
        let old = turn.store.key(lease.key)
        guard old == nil || lease.overwrite else {
            throw Refusal(.exists, "\(lease.key) exists")
        }
        let level = try Self.level(request.durability)
        // What holds of a value holds of all its blocks.
        guard lease.listed == nil || lease.listed == level else {
            throw Refusal(.malformed, "all CLOSEs of a value say the same durability")
        }
        let before = listed(by: lease, turn)
        let sealed = try seal(request.blocks, behind: before, lease: lease, level: level, turn)
        for block in sealed.blocks {
            turn.mutations.append(.putBlock(block))
            vouch(for: block)
        }
        if request.more {
            leaseHolders.plan(lease.id, blocks: -sealed.blocks.count)
            leaseHolders.setListed(
                lease.id,
                LeaseHolders.Listed(
                    blocks: before.blocks + sealed.blocks.count, length: sealed.length))
            if lease.listed == nil {
                lease.listed = level
                turn.mutations.append(.putLease(lease))
            }
            return ControlEmpty()
        }
        // What the writer planned and did not list, and blocks without bytes, are of no value.
        let kept = Set(sealed.blocks.map(\.block))
        for block in turn.store.openBlocks(of: lease.value) where !kept.contains(block.block) {
            doom(block, &turn)
        }
        if let old { drop(old.value, &turn) }
        end(lease.id, &turn)
        turn.mutations.append(
            .putKey(
                lease.key,
                KeyRecord(
                    value: lease.value, length: sealed.length, createdUnixMs: turn.moment.unixMs)))
        return ControlEmpty()
    }

    /// What parts of CLOSE have listed before: counted once after a start, and kept from then on.
    mutating func listed(
        by lease: LeaseRecord, _ turn: borrowing Turn<some NamespaceReader>
    ) -> LeaseHolders.Listed {
        guard lease.listed != nil else { return LeaseHolders.Listed() }
        if let known = leaseHolders.listed(lease.id) { return known }
        // Until the value is closed, what was listed is sealed and the rest is open.
        let sealed = turn.store.blocks(of: lease.value, holding: 0, limit: .max)
            .filter { $0.state == .sealed }
        let listed = LeaseHolders.Listed(
            blocks: sealed.count, length: sealed.map { $0.position + $0.length }.max() ?? 0)
        leaseHolders.setListed(lease.id, listed)
        return listed
    }

    private static func level(_ durability: ControlClose.Durability) throws(Refusal) -> Level {
        switch durability {
        case .durable: .durable
        case .written: .written
        case .none: .received
        case .UNRECOGNIZED(let number):
            throw Refusal(.malformed, "durability \(number) is not known")
        }
    }

    /// The blocks in the list's order, each with its offset behind those that were listed before,
    /// and the value's length with them; or why they do not fit.
    private func seal(
        _ receipts: [ControlReceipt], behind before: LeaseHolders.Listed, lease: LeaseRecord,
        level: Level, _ turn: borrowing Turn<some NamespaceReader>
    ) throws(Refusal) -> (blocks: [BlockInfo], length: UInt64) {
        guard before.blocks + receipts.count <= settings.bounds.blocksPerValue else {
            throw tooManyBlocks
        }
        var blocks: [BlockInfo] = []
        var listed: Set<BlockID> = []
        var length = before.length
        for message in receipts {
            let receipt = try Self.receipt(message, cluster: cluster)
            let record = turn.store.block(receipt.block)
            try ReceiptRules.judge(
                receipt, signature: Array(message.signature), block: record, value: lease.value,
                key: keys.receiptKey(receipt.key), maxLength: settings.mostBlockBytes)
            if let record, receipt.level < level { throw late(record, receipt.level, level) }
            guard var record, listed.insert(receipt.block).inserted else {
                throw Refusal(.blockMismatch, "block \(receipt.block) is listed twice")
            }
            if receipt.length == 0 { continue }
            record.state = .sealed
            record.position = length
            record.length = receipt.length
            record.checksum = receipt.checksum
            blocks.append(record)
            length += receipt.length
        }
        return (blocks, length)
    }

    /// Which block CLOSE waits for, and on which node: the first of its chain that has not said
    /// that it sealed the block, when another has; else on the chain as a whole.
    private func late(_ block: BlockInfo, _ level: Level, _ wanted: Level) -> Refusal {
        let holders = replicas.holders(of: block.block).filter { $0.sealed && $0.reported }
        let late = block.chain.firstIndex { id in !holders.contains { $0.node == id } }
        var message = ControlLateBlock()
        message.block = block.block.number
        message.level = ControlLevel(rawValue: Int(level.rawValue)) ?? .received
        var place = "on its chain"
        if let late, !holders.isEmpty {
            message.position = UInt32(late + 1)
            message.node = self.message(for: block.chain[late])
            let name = message.node.host.isEmpty ? "\(block.chain[late])" : message.node.host
            place =
                "on node \(late + 1) of \(block.chain.count) of its chain, "
                + "\(name):\(message.node.port), which has yet to report it sealed"
        }
        var refusal = Refusal(
            .notDurable,
            "block \(block.block) is \(level) \(place), \(wanted) was asked for: seal it again")
        refusal.late = message
        return refusal
    }

    private static func receipt(
        _ message: ControlReceipt, cluster: ClusterID
    ) throws(Refusal) -> Receipt {
        guard let level = Level(rawValue: UInt8(clamping: message.level.rawValue)) else {
            throw Refusal(.malformed, "level \(message.level.rawValue) is not known")
        }
        return Receipt(
            level: level, checksum: message.crc, key: KeyID(message.keyID), cluster: cluster,
            block: BlockID(message.block), epoch: Epoch(message.epoch), length: message.length)
    }

    /// The receipt speaks for the whole chain, so a reader need not wait for the nodes' own
    /// reports. A node that reported otherwise in this session is believed.
    private mutating func vouch(for block: BlockInfo) {
        for holder in replicas.holders(of: block.block)
        where holder.sealed && holder.length != block.length {
            lose(block.block, on: holder.node)
        }
        for id in block.chain {
            let isUnsure = nodes[id]?.unsure.remove(block.block) != nil
            guard !isUnsure, let node = nodes[id], !node.isDead, !node.hasUnfit(block.block)
            else { continue }
            let reported = replicas.holds(id, block.block)?.reported ?? false
            hold(
                block,
                ReplicaMap.Holder(
                    node: id, sealed: true, length: block.length, reported: reported))
        }
    }
}

/// Whether a receipt shown at CLOSE proves what the caller says.
package enum ReceiptRules {
    /// - Parameters:
    ///   - block: what the namespace knows under the receipt's number.
    ///   - value: the lease's.
    ///   - key: the signing key that the receipt names, when it is known.
    package static func judge(
        _ receipt: Receipt, signature: [UInt8], block: BlockInfo?, value: ValueID,
        key: SigningKey?, maxLength: UInt64
    ) throws(Refusal) {
        let name = receipt.block
        guard let block, block.value == value, block.state == .open else {
            throw Refusal(.blockMismatch, "block \(name) does not belong to this lease")
        }
        guard receipt.epoch == block.epoch else {
            throw Refusal(
                receipt.epoch < block.epoch ? .staleEpoch : .blockMismatch,
                "block \(name) is at epoch \(block.epoch), the receipt at \(receipt.epoch)")
        }
        guard let key, receipt.isSigned(as: signature, by: key) else {
            throw Refusal(.blockMismatch, "the receipt of block \(name) is not signed by its chain")
        }
        guard receipt.length <= maxLength else {
            throw Refusal(.blockMismatch, "block \(name) is longer than a block may be")
        }
    }
}
