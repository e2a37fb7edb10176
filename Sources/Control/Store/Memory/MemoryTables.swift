import Wire

/// The rows of a namespace in memory. A copy of them is a copy of the namespace.
struct MemoryTables: Sendable {
    private struct Place: Hashable, Comparable, Sendable {
        let value: ValueID
        let position: UInt64

        init(_ block: BlockInfo) {
            value = block.value
            position = block.position
        }

        init(_ value: ValueID, _ position: UInt64) {
            self.value = value
            self.position = position
        }

        static func < (left: Self, right: Self) -> Bool {
            (left.value, left.position) < (right.value, right.position)
        }
    }

    private struct Doomed: Sendable {
        let block: BlockInfo
        /// The process that its time belongs to.
        let start: UInt64
    }

    private(set) var state: StoreState
    private(set) var history = NamespaceHistory()
    private var keys = OrderedMap<Key, KeyRecord>()
    private var extents = OrderedMap<Place, BlockInfo>()
    private var places: [BlockID: Place] = [:]
    private var open: [BlockID: BlockInfo] = [:]
    private var doomed = OrderedMap<BlockID, Doomed>()
    private var leases: [ValueID: LeaseRecord] = [:]
    private var answers: [Pending.Outcome] = []
    private var nodes: [NodeID] = []
    private var signing: (keys: SigningKeys.Saved, boot: String)?

    init(cluster: ClusterID, firstNumber: UInt64) {
        state = StoreState(cluster: cluster, firstNumber: firstNumber)
    }

    // MARK: Changes

    mutating func begin() { state.begin() }

    mutating func giveUpLater(using generator: inout some RandomNumberGenerator) {
        // What CLOSE had listed of a value that is being written goes with its lease.
        for (_, block) in extents.entries(from: Place(ValueID(0), 0), limit: .max)
        where leases[block.value] != nil {
            remove(block)
            state.tally.sealedBlocks -= 1
        }
        open = [:]
        leases = [:]
        state.giveUpLater(&history, using: &generator)
    }

    mutating func put(_ batch: Pending, boot: String) {
        state = batch.state
        nodes += batch.nodes
        if let keys = batch.signing { signing = (keys, boot) }
        if let history = batch.history { self.history = history }
        for (key, record) in batch.keys { keys[key] = record }
        // One block may take the place that another leaves.
        for change in batch.blocks.values { if let block = change.before { remove(block) } }
        for change in batch.blocks.values { if let block = change.after { add(block) } }
        for (value, lease) in batch.leases { leases[value] = lease }
        answers += batch.outcomes
        answers.removeAll { $0.sequence <= state.outcomeFloor }
    }

    private mutating func add(_ block: BlockInfo) {
        switch block.state {
        case .open: open[block.block] = block
        case .doomed: doomed[block.block] = Doomed(block: block, start: state.starts)
        case .sealed:
            extents[Place(block)] = block
            places[block.block] = Place(block)
        }
    }

    private mutating func remove(_ block: BlockInfo) {
        switch block.state {
        case .open: open[block.block] = nil
        case .doomed: doomed[block.block] = nil
        case .sealed:
            extents[Place(block)] = nil
            places[block.block] = nil
        }
    }

    // MARK: Reads

    func loaded(
        rows: any CommittedRows, sink: any BatchSink, boot: String
    ) -> LoadedNamespace {
        var keys = signing?.keys
        keys?.isOnThisClock = signing?.boot == boot
        return LoadedNamespace(
            rows: rows, sink: sink, state: state, history: history, signingKeys: keys,
            leases: Array(leases.values), openBlocks: Array(open.values), answers: answers,
            nodes: nodes)
    }

    /// Nearly always one of the last.
    func hasAnswer(to name: RequestName) -> Bool {
        answers.last { $0.name == name } != nil
    }

    func key(_ key: Key) -> KeyRecord? { keys[key] }

    func keys(
        from start: Key, _ each: (Key, KeyRecord) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        try keys.walk(from: start, each)
    }

    func sealed(of value: ValueID, holding position: UInt64, limit: Int) -> [BlockInfo] {
        var from = Place(value, position)
        if let last = extents.last(through: from), last.value == value { from = last }
        var found: [BlockInfo] = []
        extents.walk(from: from) { place, block in
            guard place.value == value, found.count < limit else { return false }
            found.append(block)
            return true
        }
        return found
    }

    /// - Parameters:
    ///   - start: the process that asks.
    ///   - opened: the moment that an earlier process's blocks count from.
    func block(_ block: BlockID, start: UInt64, opened: Int64) -> BlockInfo? {
        if let place = places[block] { return extents[place] }
        return doomed[block].map { record($0, start: start, opened: opened) }
    }

    func doomed(
        after block: BlockID, start: UInt64, opened: Int64,
        _ each: (BlockInfo) throws(StoreFailure) -> Bool
    ) throws(StoreFailure) {
        try doomed.walk(from: block) { id, doomed throws(StoreFailure) in
            id == block ? true : try each(record(doomed, start: start, opened: opened))
        }
    }

    private func record(_ doomed: Doomed, start: UInt64, opened: Int64) -> BlockInfo {
        var block = doomed.block
        if doomed.start != start, case .doomed(_, let waiting) = block.state {
            block.state = .doomed(since: opened, waiting: waiting)
        }
        return block
    }

    // MARK: Checks

    /// Counts that do not fit the rows.
    var damage: [String] {
        let counts: [(String, Int, Int)] = [
            ("keys", keys.count, state.tally.keys),
            ("sealed blocks", extents.count, state.tally.sealedBlocks),
            ("places", places.count, state.tally.sealedBlocks),
            ("open blocks", open.count, state.tally.blocks - state.tally.sealedBlocks),
            ("doomed blocks", doomed.count, state.tally.doomedBlocks),
            ("leases", leases.count, state.tally.leases),
        ]
        return counts.filter { $0.1 != $0.2 }.map {
            "there are \($0.1) \($0.0), the counters say \($0.2)"
        }
    }
}
