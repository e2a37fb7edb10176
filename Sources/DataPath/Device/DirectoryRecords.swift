import Wire

/// The `device` files of one node's directories, as the agent keeps them: which registration this
/// is, and whether the directories are copies.
package struct DirectoryRecords<Files: Folder> {
    /// One directory: what its file said at the start, and which folder it is.
    package struct Place {
        let folder: Files
        let identity: DeviceIdentity
        let origin: String?

        package init(_ folder: Files, _ identity: DeviceIdentity, origin: String?) {
            self.folder = folder
            self.identity = identity
            self.origin = origin
        }

        /// Its bytes were copied from a directory that may still be in use.
        var isCopy: Bool { identity.origin != nil && origin != nil && identity.origin != origin }
    }

    private let places: [Place]
    private var records: [DeviceIdentity]
    /// Some directory is a copy of one that may still be in use: then the namenode says which of
    /// the two has the newer state, before this one counts as a state of its own.
    package private(set) var isCopy: Bool

    package init(_ places: [Place]) {
        self.places = places
        records = places.map(\.identity)
        isCopy = places.contains(where: \.isCopy)
    }

    /// What REGISTER says.
    package var generation: UInt64 { records.map(\.generation).max() ?? 0 }

    /// Before a registration: a generation of its own, durable before anybody hears of it.
    /// - Returns: why a directory could not take it; the others did.
    package mutating func begin() -> StartFailure? { isCopy ? nil : raise() }

    /// The namenode took the node in: its directories are that cluster's, and they are the node's.
    package mutating func accepted(by cluster: ClusterID) throws(StartFailure) {
        for place in records.indices where records[place].cluster == nil {
            var record = records[place]
            record.cluster = cluster
            try record.write(to: places[place].folder)
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
            record.origin = places[place].origin ?? record.origin
            do throws(StartFailure) {
                try record.write(to: places[place].folder)
                records[place] = record
            } catch {
                failure = error
            }
        }
        return failure
    }
}
