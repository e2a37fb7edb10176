import Wire

/// The rows of a batch, with statements prepared once. Used from one thread, in a transaction.
struct BatchRows {
    private let connection: SQLiteConnection
    private var codec: RowCodec
    private let start: UInt64
    private let boot: String

    private let putState: SQLiteStatement
    private let putHistory: SQLiteStatement
    private let putKey: SQLiteStatement
    private let removeKey: SQLiteStatement
    private let putExtent: SQLiteStatement
    private let removeExtent: SQLiteStatement
    private let putRow: [Table: SQLiteStatement]
    private let removeRow: [Table: SQLiteStatement]
    private let forget: SQLiteStatement

    /// Tables of a number and a record.
    enum Table: String, CaseIterable {
        case block, open, doomed, lease, outcome, node, signing

        var number: String {
            switch self {
            case .block, .open, .doomed: "id"
            case .lease: "value"
            case .outcome: "sequence"
            case .node: "number"
            case .signing: "place"
            }
        }
    }

    /// - Parameters:
    ///   - start: this process's number.
    ///   - boot: names the run of the kernel whose clock signing keys are timed on.
    init(
        _ connection: SQLiteConnection, codec: RowCodec, start: UInt64, boot: String
    ) throws(StoreFailure) {
        self.connection = connection
        self.codec = codec
        self.start = start
        self.boot = boot
        putState = try connection.prepare("UPDATE meta SET record = ?1 WHERE name = 'state'")
        putHistory = try connection.prepare(HistoryRow.statement)
        putKey = try connection.prepare("INSERT OR REPLACE INTO key (name, record) VALUES (?1, ?2)")
        removeKey = try connection.prepare("DELETE FROM key WHERE name = ?1")
        putExtent = try connection.prepare(
            "INSERT OR REPLACE INTO extent (value, position, record) VALUES (?1, ?2, ?3)")
        removeExtent = try connection.prepare(
            "DELETE FROM extent WHERE value = ?1 AND position = ?2")
        var put: [Table: SQLiteStatement] = [:]
        var remove: [Table: SQLiteStatement] = [:]
        for table in Table.allCases {
            put[table] = try connection.prepare(
                "INSERT OR REPLACE INTO \(table) (\(table.number), record) VALUES (?1, ?2)")
            remove[table] = try connection.prepare(
                "DELETE FROM \(table) WHERE \(table.number) = ?1")
        }
        putRow = put
        removeRow = remove
        forget = try connection.prepare("DELETE FROM outcome WHERE sequence <= ?1")
    }

    mutating func put(_ batch: Pending) throws(StoreFailure) {
        putState.bind(1, StateRow.write(batch.state))
        try putState.run()
        codec.take(batch.nodes)
        for node in batch.nodes {
            guard let number = codec.nodes[node] else {
                preconditionFailure("a node that was taken has a number")
            }
            try put(.node, number, node.bytes)
        }
        if let keys = batch.signing { try put(keys) }
        if let history = batch.history {
            putHistory.bind(1, HistoryRow.write(history))
            try putHistory.run()
        }
        // In the order of the tables, so that neighbours share a page while it is at hand.
        for key in batch.keys.keys.sorted() {
            guard let record = batch.keys[key] ?? nil else {
                removeKey.bind(1, key.bytes)
                try removeKey.run()
                continue
            }
            putKey.bind(1, key.bytes)
            putKey.bind(2, RowCodec.write(record))
            try putKey.run()
        }
        for block in batch.blocks.keys.sorted() {
            if let change = batch.blocks[block] { try put(change) }
        }
        for (value, lease) in batch.leases {
            if let lease {
                try put(.lease, value.number, RowCodec.write(lease))
            } else {
                try remove(.lease, value.number)
            }
        }
        try put(batch.outcomes, floor: batch.state.outcomeFloor)
    }

    private func put(_ table: Table, _ number: UInt64, _ record: [UInt8]) throws(StoreFailure) {
        guard let statement = putRow[table] else { preconditionFailure("every table has one") }
        statement.bind(1, number)
        statement.bind(2, record)
        try statement.run()
    }

    private func remove(_ table: Table, _ number: UInt64) throws(StoreFailure) {
        guard let statement = removeRow[table] else { preconditionFailure("every table has one") }
        statement.bind(1, number)
        try statement.run()
    }

    private func put(_ change: Pending.BlockChange) throws(StoreFailure) {
        if let before = change.before { try remove(before, keeping: change.after) }
        guard let after = change.after else { return }
        switch after.state {
        case .open: try put(.open, after.block.number, codec.write(after, start: start))
        case .doomed: try put(.doomed, after.block.number, codec.write(after, start: start))
        case .sealed:
            putExtent.bind(1, after.value.number)
            putExtent.bind(2, after.position)
            putExtent.bind(3, codec.writeExtent(after))
            try putExtent.run()
            try put(.block, after.block.number, RowCodec.writePlace(after))
        }
    }

    /// Removes the rows of a block, but for those that `after` writes over.
    private func remove(
        _ before: BlockInfo, keeping after: BlockInfo?
    ) throws(StoreFailure) {
        let staysInTable =
            switch (before.state, after?.state) {
            case (.open, .open), (.doomed, .doomed), (.sealed, .sealed): true
            default: false
            }
        switch before.state {
        case .open: if !staysInTable { try remove(.open, before.block.number) }
        case .doomed: if !staysInTable { try remove(.doomed, before.block.number) }
        case .sealed:
            if !staysInTable { try remove(.block, before.block.number) }
            let isSamePlace =
                staysInTable && before.value == after?.value && before.position == after?.position
            guard !isSamePlace else { return }
            removeExtent.bind(1, before.value.number)
            removeExtent.bind(2, before.position)
            try removeExtent.run()
        }
    }

    /// The answers of one transaction are one row.
    private func put(_ outcomes: [Pending.Outcome], floor: UInt64) throws(StoreFailure) {
        guard let last = outcomes.last else { return }
        var writer = RecordWriter(capacity: outcomes.count * 128)
        for outcome in outcomes {
            writer.identifier(outcome.name.client)
            writer.number(outcome.name.request)
            writer.number(outcome.sequence)
            writer.counted(outcome.reply)
        }
        try put(.outcome, last.sequence, writer.bytes)
        forget.bind(1, floor)
        try forget.run()
    }

    private func put(_ keys: SigningKeys.Saved) throws(StoreFailure) {
        try connection.run("DELETE FROM signing")
        for (place, record) in SigningRows.write(keys, boot: boot) {
            try put(.signing, place, record)
        }
    }
}
