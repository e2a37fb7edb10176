import Wire

/// The row of the namespace's history, beside that of its counters: written by a start, and when it
/// turns out that the namespace is older than its datanodes.
enum HistoryRow {
    static let statement =
        "INSERT OR REPLACE INTO meta (name, record) VALUES ('history', ?1)"

    static func write(_ history: NamespaceHistory) -> [UInt8] {
        var writer = RecordWriter(capacity: 64 + history.starts.count * 10)
        writer.number(history.givenUp)
        writer.number(UInt64(history.starts.count))
        for start in history.starts {
            writer.number(UInt64(start.incarnation.number))
            writer.number(start.firstCommit)
        }
        writer.flag(history.behind != nil)
        guard let behind = history.behind else { return writer.bytes }
        writer.identifier(behind.node)
        writer.number(UInt64(behind.seen.incarnation.number))
        for number in [
            behind.seen.commit, behind.ownCommit, behind.block.number, behind.ownBlock.number,
        ] { writer.number(number) }
        return writer.bytes
    }

    static func read(_ bytes: [UInt8]) throws(RecordReader.Malformed) -> NamespaceHistory {
        var reader = RecordReader(bytes)
        let givenUp = try reader.number()
        let count = try reader.number()
        guard count <= UInt64(NamespaceHistory.most) else { throw RecordReader.Malformed() }
        var starts: [NamespaceHistory.Start] = []
        for _ in 0..<count {
            starts.append(
                NamespaceHistory.Start(
                    incarnation: try incarnation(&reader), firstCommit: try reader.number()))
        }
        var behind: NamespaceHistory.Behind?
        if try reader.flag() {
            behind = NamespaceHistory.Behind(
                node: try reader.identifier(NodeTag.self),
                seen: NamespaceMark(
                    incarnation: try incarnation(&reader), commit: try reader.number()),
                ownCommit: try reader.number(), block: BlockID(try reader.number()),
                ownBlock: BlockID(try reader.number()))
        }
        try reader.end()
        return NamespaceHistory(starts: starts, givenUp: givenUp, behind: behind)
    }

    private static func incarnation(
        _ reader: inout RecordReader
    ) throws(RecordReader.Malformed) -> NamespaceIncarnation {
        NamespaceIncarnation(UInt32(truncatingIfNeeded: try reader.number()))
    }
}
