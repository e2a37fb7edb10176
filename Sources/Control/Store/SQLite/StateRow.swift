import Wire

/// The row of the counters and counts, which every commit writes anew.
enum StateRow {
    private static let tallies: [WritableKeyPath<Tally, Int> & Sendable] = [
        \.keys, \.leases, \.blocks, \.sealedBlocks, \.doomedBlocks, \.outcomes,
    ]

    /// With a CRC32C of all before it at the end.
    static func write(_ state: StoreState) -> [UInt8] {
        var writer = RecordWriter(capacity: 128)
        writer.identifier(state.cluster)
        for number in [state.commits, state.starts, state.outcomeFloor] { writer.number(number) }
        writer.number(UInt64(state.counters.count))
        for counter in state.counters { writer.number(counter) }
        for path in tallies { writer.number(UInt64(state.tally[keyPath: path])) }
        let checksum = CRC32C.of(writer.bytes)
        writer.number(UInt64(checksum))
        return writer.bytes
    }

    static func read(_ bytes: [UInt8]) throws(RecordReader.Malformed) -> StoreState {
        var reader = RecordReader(bytes)
        var state = StoreState(cluster: try reader.identifier(ClusterTag.self))
        state.commits = try reader.number()
        state.starts = try reader.number()
        state.outcomeFloor = try reader.number()
        let count = UInt64(Mutation.Counter.allCases.count)
        guard try reader.number() == count else { throw RecordReader.Malformed() }
        state.counters = []
        for _ in 0..<count { state.counters.append(try reader.number()) }
        for path in tallies { state.tally[keyPath: path] = Int(clamping: try reader.number()) }
        _ = try reader.number()
        try reader.end()
        // Writing it again makes its checksum again.
        guard write(state) == bytes else { throw RecordReader.Malformed() }
        return state
    }
}
