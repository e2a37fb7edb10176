import Wire

/// What a start reads of a database: all of it bounded, none of it growing with the keys.
enum StoreLoader {
    static func state(_ connection: SQLiteConnection) throws(StoreFailure) -> StoreState {
        let row = try connection.prepare("SELECT record FROM meta WHERE name = 'state'")
        let unreadable = StoreFailure(
            "\(connection.path): the row of the counters cannot be read")
        guard try row.step() else { throw unreadable }
        do { return try StateRow.read(row.bytes(0)) } catch { throw unreadable }
    }

    static func put(_ state: StoreState, _ connection: SQLiteConnection) throws(StoreFailure) {
        let row = try connection.prepare("UPDATE meta SET record = ?1 WHERE name = 'state'")
        row.bind(1, StateRow.write(state))
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
        _ connection: SQLiteConnection, _ reader: SQLiteRows, _ sink: SQLiteSink,
        state: StoreState, history: NamespaceHistory, boot: String, remarks: [String]
    ) throws(StoreFailure) -> LoadedNamespace {
        var open: [BlockInfo] = []
        for row in try rows("SELECT id, record FROM open", connection) {
            let block = try reader.whole("block \(row.number)") { () throws(RowCodec.Malformed) in
                try reader.codec.open(row.record, block: BlockID(row.number))
            }
            open.append(block)
        }
        var leases: [LeaseRecord] = []
        for row in try rows("SELECT value, record FROM lease", connection) {
            let lease = try reader.whole("lease \(row.number)") { () throws(RowCodec.Malformed) in
                try RowCodec.lease(row.record, value: ValueID(row.number))
            }
            leases.append(lease)
        }
        var answers: [Pending.Outcome] = []
        for row in try rows("SELECT sequence, record FROM outcome ORDER BY sequence", connection) {
            answers += try reader.whole("answer \(row.number)") { () throws(RowCodec.Malformed) in
                try outcomes(row.record)
            }
        }
        let keys = try rows("SELECT place, record FROM signing ORDER BY place", connection)
        let signingKeys = try reader.whole("a signing key") { () throws(RowCodec.Malformed) in
            try SigningRows.read(keys.map { ($0.number, $0.record) }, boot: boot)
        }
        return LoadedNamespace(
            rows: reader, sink: sink, state: state, history: history, signingKeys: signingKeys,
            leases: leases, openBlocks: open, answers: answers,
            nodes: reader.codec.nodes.nodes, remarks: remarks)
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
