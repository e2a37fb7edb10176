import Wire

extension NamespaceOverlay {
    package func key(_ key: Key) -> KeyRecord? {
        if let record = open.keys[key] ?? committing?.keys[key] {
            sawUncommitted = true
            return record
        }
        if let record = recentKeys.find(key) { return record }
        return reading(else: nil) { () throws(StoreFailure) in
            let record = try rows.key(key)
            recentKeys.keep(key, record)
            return record
        }
    }

    package func keys(from start: Key, limit: Int) -> [(key: Key, record: KeyRecord)] {
        guard limit > 0 else { return [] }
        return reading(else: []) { () throws(StoreFailure) in
            var found: [(key: Key, record: KeyRecord)] = []
            var newer = open.keys(from: start)
            var older = committing?.keys(from: start) ?? []
            /// Takes the next change, if its key is at most `end`; answers its key.
            func takeChange(through end: Key?) -> Key? {
                guard let key = [newer.first, older.first].compactMap(\.self).min() else {
                    return nil
                }
                if let end, end < key { return nil }
                sawUncommitted = true
                let change = newer.first == key ? open.keys[key] : committing?.keys[key]
                if newer.first == key { newer = newer.dropFirst() }
                if older.first == key { older = older.dropFirst() }
                if let record = change ?? nil { found.append((key, record)) }
                return key
            }
            try rows.keys(from: start) { key, record in
                var last: Key?
                while found.count < limit, let changed = takeChange(through: key) { last = changed }
                if found.count < limit, last != key { found.append((key, record)) }
                return found.count < limit
            }
            while found.count < limit, takeChange(through: nil) != nil {}
            return found
        }
    }

    package func block(_ block: BlockID) -> BlockInfo? {
        if let record = openBlocks[block] { return record }
        if let change = pendingChange(of: block) { return change.after }
        if let record = seen[block] { return record }
        return reading(else: nil) { () throws(StoreFailure) in
            let record = try rows.block(block)
            if let record { seen[block] = record }
            return record
        }
    }

    private func pendingChange(of block: BlockID) -> Pending.BlockChange? {
        open.blocks[block] ?? committing?.blocks[block]
    }

    package func blocks(
        of value: ValueID, holding position: UInt64, limit: Int
    ) -> [BlockInfo] {
        guard limit > 0 else { return [] }
        let isSettled =
            openOf[value] == nil && open.touched[value] == nil && committing?.touched[value] == nil
        if !isSettled { sawUncommitted = true }
        let found =
            isSettled
            ? settledBlocks(of: value, holding: position, limit: limit)
            : Self.holding(
                position, in: changingBlocks(of: value, first: position == 0 ? limit : .max),
                limit: limit)
        remember(found)
        return found
    }

    private func remember(_ blocks: [BlockInfo]) {
        if seen.count > Self.seenMost { seen = [:] }
        for block in blocks { seen[block.block] = block }
    }

    private func settledBlocks(
        of value: ValueID, holding position: UInt64, limit: Int
    ) -> [BlockInfo] {
        if let all = recentValues.find(value) {
            return Self.holding(position, in: all, limit: limit)
        }
        return reading(else: []) { () throws(StoreFailure) in
            let found = try rows.sealed(of: value, holding: position, limit: limit)
            if position == 0, found.count < limit, found.count <= Self.recentBlocks {
                recentValues.keep(value, found)
            }
            return found
        }
    }

    package func openBlocks(of value: ValueID) -> [BlockInfo] {
        (openOf[value] ?? []).compactMap { openBlocks[$0] }.sorted { $0.position < $1.position }
    }

    /// Blocks of a value that changes just now, in order: all of them, or at least so many from the
    /// first on.
    private func changingBlocks(of value: ValueID, first count: Int) -> [BlockInfo] {
        var changed = open.touched[value] ?? []
        changed.formUnion(committing?.touched[value] ?? [])
        // No more rows than these are not as they were.
        let (most, isAll) = count.addingReportingOverflow(changed.count)
        var all: [BlockInfo] = reading(else: []) { () throws(StoreFailure) in
            try rows.sealed(of: value, holding: 0, limit: isAll ? .max : most)
        }.filter { pendingChange(of: $0.block) == nil && openBlocks[$0.block] == nil }
        for block in changed {
            guard let record = pendingChange(of: block)?.after, record.value == value else {
                continue
            }
            if record.state == .sealed { all.append(record) }
        }
        all += (openOf[value] ?? []).compactMap { openBlocks[$0] }
        return all.sorted { ($0.position, $0.block) < ($1.position, $1.block) }
    }

    /// From the block that holds `position` on, or from the first after it.
    private static func holding(
        _ position: UInt64, in all: [BlockInfo], limit: Int
    ) -> [BlockInfo] {
        if position == 0 { return Array(all.prefix(limit)) }
        var first = all.firstIndex { $0.position >= position } ?? all.endIndex
        if first > 0, first == all.endIndex || all[first].position > position { first -= 1 }
        return Array(all[first...].prefix(limit))
    }

    package func doomed(after block: BlockID, limit: Int) -> [BlockInfo] {
        guard limit > 0, tally.doomedBlocks > 0 else { return [] }
        return reading(else: []) { () throws(StoreFailure) in
            let pending = open.doomed.union(committing?.doomed ?? []).filter {
                $0 > block && pendingChange(of: $0)?.after?.isDoomed == true
            }
            // Rows that changed meanwhile are skipped, so more may be needed.
            var found: [BlockInfo] = []
            try rows.doomed(after: block) { row in
                if pendingChange(of: row.block) == nil { found.append(row) }
                return found.count < limit
            }
            found += pending.compactMap { pendingChange(of: $0)?.after }
            found.sort { $0.block < $1.block }
            found = Array(found.prefix(limit))
            remember(found)
            return found
        }
    }
}
