import Wire

/// The `device` files of one node's directories, as the agent keeps them: which registration this
/// is, and whether the directories are copies.
struct DirectoryRecords: Sendable {
    private let directories: [DataDirectory]
    private var records: [DeviceIdentity]
    /// Some directory is a copy of one that may still be in use: then the namenode says which of
    /// the two has the newer state, before this one counts as a state of its own.
    private(set) var isCopy: Bool

    init(_ directories: [DataDirectory]) {
        self.directories = directories
        records = directories.map(\.identity)
        isCopy = directories.contains(where: \.isCopy)
    }

    /// What REGISTER says.
    var generation: UInt64 { records.map(\.generation).max() ?? 0 }

    /// Before a registration: a generation of its own, durable before anybody hears of it.
    /// - Returns: why a directory could not take it; the others did.
    mutating func begin() -> StartFailure? { isCopy ? nil : raise() }

    /// The namenode took the node in: its directories are that cluster's, and they are the node's.
    mutating func accepted(by cluster: ClusterID) throws(StartFailure) {
        for place in records.indices where records[place].cluster == nil {
            var record = records[place]
            record.cluster = cluster
            try directories[place].write(record)
            records[place] = record
        }
        guard isCopy else { return }
        isCopy = false
        if let failure = raise() { throw failure }
    }

    private mutating func raise() -> StartFailure? {
        let next = generation + 1
        var failure: StartFailure?
        for place in records.indices {
            var record = records[place]
            record.generation = next
            record.origin = directories[place].origin ?? record.origin
            do throws(StartFailure) {
                try directories[place].write(record)
                records[place] = record
            } catch {
                failure = error
            }
        }
        return failure
    }
}
