import Wire

/// What is kept in one row and rewritten with every commit: counters and counts.
struct StoreState: Sendable, Equatable {
    var cluster: ClusterID
    /// Commits so far: tells an older view of the database from a newer one.
    var commits: UInt64 = 0
    /// Processes that have opened it.
    var starts: UInt64 = 0
    /// Answers up to this sequence are forgotten.
    var outcomeFloor: UInt64 = 0
    var counters: [UInt64]
    var tally = Tally()

    init(cluster: ClusterID, firstNumber: UInt64 = 1) {
        self.cluster = cluster
        counters = Mutation.Counter.allCases.map { _ in firstNumber }
    }

    subscript(counter: Mutation.Counter) -> UInt64 {
        get { counters[counter.place] }
        set { counters[counter.place] = newValue }
    }

    private static let tallies: [WritableKeyPath<Tally, Int> & Sendable] = [
        \.keys, \.leases, \.blocks, \.sealedBlocks, \.doomedBlocks, \.outcomes,
    ]

    /// The row, with a CRC32C of all before it at the end.
    var bytes: [UInt8] {
        var writer = RecordWriter(capacity: 128)
        writer.identifier(cluster)
        for number in [commits, starts, outcomeFloor] { writer.number(number) }
        writer.number(UInt64(counters.count))
        for counter in counters { writer.number(counter) }
        for path in Self.tallies { writer.number(UInt64(tally[keyPath: path])) }
        let checksum = CRC32C.of(writer.bytes)
        writer.number(UInt64(checksum))
        return writer.bytes
    }

    /// `nil` when the row is not whole.
    init?(_ bytes: [UInt8]) {
        do {
            var reader = RecordReader(bytes)
            cluster = try reader.identifier(ClusterTag.self)
            commits = try reader.number()
            starts = try reader.number()
            outcomeFloor = try reader.number()
            guard try reader.number() == UInt64(Mutation.Counter.allCases.count) else { return nil }
            counters = []
            for _ in Mutation.Counter.allCases { counters.append(try reader.number()) }
            for path in Self.tallies { tally[keyPath: path] = Int(clamping: try reader.number()) }
            _ = try reader.number()
            try reader.end()
            // Writing it again makes its checksum again.
            guard self.bytes == bytes else { return nil }
        } catch {
            return nil
        }
    }
}

extension Mutation.Counter {
    /// Its place in the stored list. A new one goes to the end.
    var place: Int {
        switch self {
        case .block: 0
        case .value: 1
        case .outcome: 2
        case .session: 3
        case .signingKey: 4
        }
    }
}
