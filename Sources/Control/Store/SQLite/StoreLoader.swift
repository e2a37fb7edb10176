import Wire

/// What a start reads of a database: all of it bounded, none of it growing with the keys.
enum StoreLoader {
    static func state(_ connection: SQLiteConnection) throws(StoreFailure) -> StoreState {
        let row = try connection.prepare("SELECT record FROM meta WHERE name = 'state'")
        guard try row.step(), let state = StoreState(row.bytes(0)) else {
            throw StoreFailure("\(connection.path): the row of the counters cannot be read")
        }
        return state
    }

    static func put(_ state: StoreState, _ connection: SQLiteConnection) throws(StoreFailure) {
        let row = try connection.prepare("UPDATE meta SET record = ?1 WHERE name = 'state'")
        row.bind(1, state.bytes)
        try row.run()
    }

    /// Empty in a namespace that no namenode has opened since histories are kept.
    static func history(
        _ connection: SQLiteConnection
    ) throws(StoreFailure) -> NamespaceHistory {
        let row = try connection.prepare("SELECT record FROM meta WHERE name = 'history'")
        guard try row.step() else { return NamespaceHistory() }
        do { return try HistoryRow.read(row.bytes(0)) } catch {
            throw StoreFailure("\(connection.path): the row of the history cannot be read")
        }
    }

    static func put(
        _ history: NamespaceHistory, _ connection: SQLiteConnection
    ) throws(StoreFailure) {
        let row = try connection.prepare(HistoryRow.statement)
        row.bind(1, HistoryRow.write(history))
        try row.run()
    }

    static func nodes(_ connection: SQLiteConnection) throws(StoreFailure) -> NodeNumbers {
        var nodes = NodeNumbers()
        for row in try rows("SELECT number, record FROM node ORDER BY number", connection) {
            guard let node = NodeID(bytes: row.record), row.number == nodes.next,
                nodes[node] == nil
            else { throw StoreFailure("\(connection.path): the nodes' rows are out of order") }
            nodes.add(node, number: row.number)
        }
        return nodes
    }

    static func load(
        _ store: SQLiteStore, _ connection: SQLiteConnection, boot: String
    ) throws(StoreFailure) {
        let reader = store.reader
        for row in try rows("SELECT id, record FROM open", connection) {
            let block = try reader.whole("block \(row.number)") { () throws(RowCodec.Malformed) in
                try reader.codec.open(row.record, block: BlockID(row.number))
            }
            store.takeOpen(block)
        }
        for row in try rows("SELECT value, record FROM lease", connection) {
            let value = ValueID(row.number)
            var lease = try reader.whole("lease \(row.number)") { () throws(RowCodec.Malformed) in
                try RowCodec.lease(row.record, value: value)
            }
            let planned = (store.openOf[value] ?? []).compactMap { store.openBlocks[$0]?.position }
            lease.blocks = planned.max().map { Int($0) + 1 } ?? 0
            store.take(lease)
        }
        for row in try rows("SELECT sequence, record FROM outcome ORDER BY sequence", connection) {
            let kept = try reader.whole("answer \(row.number)") { () throws(RowCodec.Malformed) in
                try outcomes(row.record)
            }
            for outcome in kept where outcome.sequence > store.state.outcomeFloor {
                store.keep(outcome)
            }
        }
        store.history = try history(connection)
        let keys = try rows("SELECT place, record FROM signing ORDER BY place", connection)
        store.signingKeys = try reader.whole("a signing key") { () throws(RowCodec.Malformed) in
            try SigningRows.read(keys.map { ($0.number, $0.record) }, boot: boot)
        }
    }

    private static func outcomes(
        _ bytes: [UInt8]
    ) throws(RecordReader.Malformed) -> [Pending.Outcome] {
        var reader = RecordReader(bytes)
        var found: [Pending.Outcome] = []
        while !reader.isAtEnd {
            let client = try reader.identifier(ClientTag.self)
            let name = RequestName(client: client, request: try reader.number())
            found.append(
                Pending.Outcome(
                    name: name, sequence: try reader.number(), reply: try reader.counted()))
        }
        return found
    }

    private static func rows(
        _ text: String, _ connection: SQLiteConnection
    ) throws(StoreFailure) -> [(number: UInt64, record: [UInt8])] {
        let statement = try connection.prepare(text)
        var found: [(number: UInt64, record: [UInt8])] = []
        while try statement.step() { found.append((statement.number(0), statement.bytes(1))) }
        return found
    }
}
