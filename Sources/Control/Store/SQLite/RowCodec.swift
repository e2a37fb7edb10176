import Wire

/// The records in the tables' rows (docs/ARCHITECTURE.md, "The namespace's tables").
struct RowCodec: Sendable {
    private(set) var nodes = NodeNumbers()

    typealias Malformed = RecordReader.Malformed

    /// Nodes that no row has named before, in the order of their numbers.
    mutating func take(_ new: [NodeID]) {
        for node in new { nodes.add(node, number: nodes.next) }
    }

    static func write(_ record: KeyRecord) -> [UInt8] {
        var writer = RecordWriter()
        writer.number(record.value.number)
        writer.number(record.length)
        writer.signed(record.createdUnixMs)
        return writer.bytes
    }

    static func key(_ bytes: [UInt8]) throws(Malformed) -> KeyRecord {
        var reader = RecordReader(bytes)
        let record = KeyRecord(
            value: ValueID(try reader.number()), length: try reader.number(),
            createdUnixMs: try reader.signed())
        try reader.end()
        return record
    }

    /// Without its value, which is the row's number, and its count of blocks, which is what is
    /// planned for it. The level is there once blocks are listed.
    static func write(_ lease: LeaseRecord) -> [UInt8] {
        var writer = RecordWriter(capacity: 64 + lease.key.bytes.count)
        writer.identifier(lease.id)
        writer.identifier(lease.client)
        writer.flag(lease.overwrite)
        writer.counted(lease.key.bytes)
        if let listed = lease.listed { writer.number(UInt64(listed.rawValue)) }
        return writer.bytes
    }

    static func lease(_ bytes: [UInt8], value: ValueID) throws(Malformed) -> LeaseRecord {
        var reader = RecordReader(bytes)
        let id = try reader.identifier(LeaseTag.self)
        let client = try reader.identifier(ClientTag.self)
        let overwrite = try reader.flag()
        let key = Key(point: try reader.counted())
        var listed: Level?
        if !reader.isAtEnd {
            listed = Level(rawValue: UInt8(truncatingIfNeeded: try reader.number()))
            guard listed != nil else { throw Malformed() }
        }
        try reader.end()
        return LeaseRecord(
            id: id, client: client, key: key, overwrite: overwrite, value: value, listed: listed)
    }

    /// A sealed block, in the row of its value and position.
    func writeExtent(_ block: BlockInfo) -> [UInt8] {
        var writer = RecordWriter()
        writer.number(block.block.number)
        writer.number(block.epoch.number)
        writer.number(block.length)
        writer.number(UInt64(block.checksum))
        write(block.chain, &writer)
        writer.number(UInt64(block.incarnation.number))
        return writer.bytes
    }

    func extent(
        _ bytes: [UInt8], value: ValueID, position: UInt64
    ) throws(Malformed) -> BlockInfo {
        var reader = RecordReader(bytes)
        let id = BlockID(try reader.number())
        let epoch = Epoch(try reader.number())
        let length = try reader.number()
        let checksum = UInt32(truncatingIfNeeded: try reader.number())
        let chain = try readNodes(&reader)
        let incarnation = try Self.incarnation(&reader)
        try reader.end()
        return BlockInfo(
            block: id, epoch: epoch, value: value, position: position, length: length,
            checksum: checksum, state: .sealed, chain: chain, incarnation: incarnation)
    }

    /// The last in a row; rows of before it was kept have none.
    private static func incarnation(
        _ reader: inout RecordReader
    ) throws(Malformed) -> NamespaceIncarnation {
        reader.isAtEnd
            ? .unknown : NamespaceIncarnation(UInt32(truncatingIfNeeded: try reader.number()))
    }

    /// Where a sealed block's extent is.
    static func writePlace(_ block: BlockInfo) -> [UInt8] {
        var writer = RecordWriter()
        writer.number(block.value.number)
        writer.number(block.position)
        return writer.bytes
    }

    static func place(_ bytes: [UInt8]) throws(Malformed) -> (value: ValueID, position: UInt64) {
        var reader = RecordReader(bytes)
        let place = (ValueID(try reader.number()), try reader.number())
        try reader.end()
        return place
    }

    /// An open or a doomed block, in the row of its number.
    /// - Parameter start: the process that `since` belongs to.
    func write(_ block: BlockInfo, start: UInt64) -> [UInt8] {
        var writer = RecordWriter()
        writer.number(block.epoch.number)
        writer.number(block.value.number)
        writer.number(block.position)
        writer.number(block.length)
        writer.number(UInt64(block.checksum))
        write(block.chain, &writer)
        if case .doomed(let since, let waiting) = block.state {
            writer.number(start)
            writer.signed(since)
            write(waiting, &writer)
        }
        writer.number(UInt64(block.incarnation.number))
        return writer.bytes
    }

    func open(_ bytes: [UInt8], block: BlockID) throws(Malformed) -> BlockInfo {
        var reader = RecordReader(bytes)
        var record = try head(&reader, block)
        record.incarnation = try Self.incarnation(&reader)
        try reader.end()
        return record
    }

    /// - Parameters:
    ///   - start: this process's.
    ///   - opened: the moment an earlier process's blocks count from.
    func doomed(
        _ bytes: [UInt8], block: BlockID, start: UInt64, opened: Int64
    ) throws(Malformed) -> BlockInfo {
        var reader = RecordReader(bytes)
        var record = try head(&reader, block)
        let written = try reader.number()
        let since = try reader.signed()
        let waiting = try readNodes(&reader)
        record.incarnation = try Self.incarnation(&reader)
        try reader.end()
        record.state = .doomed(since: written == start ? since : opened, waiting: waiting)
        return record
    }

    private func head(
        _ reader: inout RecordReader, _ block: BlockID
    ) throws(Malformed) -> BlockInfo {
        let epoch = Epoch(try reader.number())
        let value = ValueID(try reader.number())
        let position = try reader.number()
        let length = try reader.number()
        let checksum = UInt32(truncatingIfNeeded: try reader.number())
        return BlockInfo(
            block: block, epoch: epoch, value: value, position: position, length: length,
            checksum: checksum, chain: try readNodes(&reader))
    }

    private func write(_ chain: [NodeID], _ writer: inout RecordWriter) {
        writer.number(UInt64(chain.count))
        for node in chain {
            guard let number = nodes[node] else {
                preconditionFailure("a node is numbered before its first row is written")
            }
            writer.number(number)
        }
    }

    private func readNodes(_ reader: inout RecordReader) throws(Malformed) -> [NodeID] {
        let count = try reader.number()
        guard count <= UInt64(Limits.chainNodes.upperBound) else { throw Malformed() }
        var chain: [NodeID] = []
        for _ in 0..<count {
            guard let node = nodes.node(try reader.number()) else { throw Malformed() }
            chain.append(node)
        }
        return chain
    }
}

/// Short numbers for node ids: a chain in a row is a byte or two for each node instead of sixteen.
/// A number is given once and never taken back; 0 is nobody's.
struct NodeNumbers: Sendable {
    private var numbers: [NodeID: UInt64] = [:]
    private(set) var nodes: [NodeID] = []

    subscript(node: NodeID) -> UInt64? { numbers[node] }

    func node(_ number: UInt64) -> NodeID? {
        number >= 1 && number <= UInt64(nodes.count) ? nodes[Int(number) - 1] : nil
    }

    var next: UInt64 { UInt64(nodes.count) + 1 }

    /// Numbers are given in order.
    mutating func add(_ node: NodeID, number: UInt64) {
        precondition(number == next && numbers[node] == nil, "a node is numbered once, in order")
        nodes.append(node)
        numbers[node] = number
    }
}
