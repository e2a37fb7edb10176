import Wire

/// Reads of what is committed, with statements prepared once.
final class SQLiteRows: CommittedRows {
    private let connection: SQLiteConnection
    private(set) var codec: RowCodec
    /// This process's number, and the moment it opened the database.
    let start: UInt64
    let opened: Int64

    private let keyRow: SQLiteStatement
    private let keyRows: SQLiteStatement
    private let extentRow: SQLiteStatement
    private let extentRows: SQLiteStatement
    private let blockRow: SQLiteStatement
    private let doomedRow: SQLiteStatement
    private let doomedRows: SQLiteStatement

    init(
        _ connection: SQLiteConnection, codec: RowCodec, start: UInt64, opened: Int64
    ) throws(StoreFailure) {
        self.connection = connection
        self.codec = codec
        self.start = start
        self.opened = opened
        keyRow = try connection.prepare("SELECT record FROM key WHERE name = ?1")
        keyRows = try connection.prepare(
            "SELECT name, record FROM key WHERE name >= ?1 ORDER BY name")
        extentRow = try connection.prepare(
            "SELECT record FROM extent WHERE value = ?1 AND position = ?2")
        extentRows = try connection.prepare(
            """
            SELECT position, record FROM extent WHERE value = ?1 AND position >= ifnull(\
            (SELECT max(position) FROM extent WHERE value = ?1 AND position <= ?2), 0) \
            ORDER BY position LIMIT ?3
            """)
        blockRow = try connection.prepare("SELECT record FROM block WHERE id = ?1")
        doomedRow = try connection.prepare("SELECT record FROM doomed WHERE id = ?1")
        doomedRows = try connection.prepare(
            "SELECT id, record FROM doomed WHERE id > ?1 ORDER BY id")
    }

    func key(_ key: Key) throws(StoreFailure) -> KeyRecord? {
        keyRow.bind(1, key.bytes)
        defer { keyRow.reset() }
        guard try keyRow.step() else { return nil }
        return try whole("the key \(key)") { () throws(RowCodec.Malformed) in
            try RowCodec.key(keyRow.bytes(0))
        }
    }

    func keys(
        from start: Key, _ each: (Key, KeyRecord) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        keyRows.bind(1, start.bytes)
        defer { keyRows.reset() }
        while try keyRows.step() {
            let key = Key(point: keyRows.bytes(0))
            let record = try whole("the key \(key)") { () throws(RowCodec.Malformed) in
                try RowCodec.key(keyRows.bytes(1))
            }
            guard try each(key, record) else { return }
        }
    }

    func sealed(
        of value: ValueID, holding position: UInt64, limit: Int
    ) throws(StoreFailure) -> [BlockInfo] {
        extentRows.bind(1, value.number)
        extentRows.bind(2, position)
        extentRows.bind(3, signed: Int64(limit))
        defer { extentRows.reset() }
        var found: [BlockInfo] = []
        while try extentRows.step() {
            let record = try whole("value \(value.number)") { () throws(RowCodec.Malformed) in
                try codec.extent(
                    extentRows.bytes(1), value: value, position: extentRows.number(0))
            }
            found.append(record)
        }
        return found
    }

    func block(_ block: BlockID) throws(StoreFailure) -> BlockInfo? {
        blockRow.bind(1, block.number)
        defer { blockRow.reset() }
        guard try blockRow.step() else { return try doomed(block) }
        let place = try whole("block \(block)") { () throws(RowCodec.Malformed) in
            try RowCodec.place(blockRow.bytes(0))
        }
        extentRow.bind(1, place.value.number)
        extentRow.bind(2, place.position)
        defer { extentRow.reset() }
        guard try extentRow.step() else {
            throw StoreFailure("\(connection.path): block \(block) has a place and no extent")
        }
        return try whole("block \(block)") { () throws(RowCodec.Malformed) in
            try codec.extent(extentRow.bytes(0), value: place.value, position: place.position)
        }
    }

    private func doomed(_ block: BlockID) throws(StoreFailure) -> BlockInfo? {
        doomedRow.bind(1, block.number)
        defer { doomedRow.reset() }
        guard try doomedRow.step() else { return nil }
        return try doomedRecord(doomedRow.bytes(0), block)
    }

    private func doomedRecord(
        _ bytes: [UInt8], _ block: BlockID
    ) throws(StoreFailure) -> BlockInfo {
        try whole("block \(block)") { () throws(RowCodec.Malformed) in
            try codec.doomed(bytes, block: block, start: start, opened: opened)
        }
    }

    func doomed(
        after block: BlockID, _ each: (BlockInfo) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        // A row's number has 63 bits.
        doomedRows.bind(1, min(block.number, UInt64(Int64.max)))
        defer { doomedRows.reset() }
        while try doomedRows.step() {
            let record = try doomedRecord(doomedRows.bytes(1), BlockID(doomedRows.number(0)))
            guard try each(record) else { return }
        }
    }

    func begins(_ batch: Pending) { codec.take(batch.nodes) }

    /// A row that cannot be read is damage, which is named.
    func whole<Value>(
        _ row: String, _ read: () throws(RowCodec.Malformed) -> Value
    ) throws(StoreFailure) -> Value {
        do { return try read() } catch {
            throw StoreFailure("\(connection.path): the row of \(row) cannot be read")
        }
    }
}
