import Reactor

/// Where a block file's header pages or checksum table lie, and how a read of them goes on.
struct MetadataPart {
    let offset: UInt64
    let count: Int

    /// The two header pages, or the table of a block of `length`.
    init(_ isTable: Bool, length: UInt64) {
        offset = isTable ? BlockLayout.tableOffset(length: length) : 0
        count = isTable ? BlockLayout.tableBytes(maxLength: length) : 2 * BlockLayout.headerBytes
    }

    /// The table that a header copy names.
    init(tableOf header: BlockHeader) {
        offset =
            header.state == .sealed
            ? BlockLayout.tableOffset(length: header.length)
            : BlockLayout.flushTableOffset(
                maxLength: header.maxLength, sequence: header.sequence)
        count = BlockLayout.tableBytes(chunks: Int(header.tableCount))
    }

    enum Step {
        case whole
        /// Interrupted or short: read on.
        case more
        /// The file ends before its end.
        case missing
        case failed
    }

    /// Reads in a row that may bring less than a page: a file that ends inside one gives the same
    /// bytes again and again.
    static let mostStalls = 16

    /// As the other, and ends with `missing` when the file brings no whole page any more.
    func advance(_ done: inout Int, _ stalls: inout Int, _ outcome: Outcome) -> Step {
        let before = done
        let step = advance(&done, outcome)
        guard case .more = step, case .done = outcome else { return step }
        stalls = done == before ? stalls + 1 : 0
        return stalls > Self.mostStalls ? .missing : .more
    }

    /// Counts what a read brought. A short direct read goes on at its last whole page.
    func advance(_ done: inout Int, _ outcome: Outcome) -> Step {
        switch outcome {
        case .done(let bytes):
            guard done + Int(bytes) < count else { return .whole }
            let pages = (done + Int(bytes)) / BlockLayout.headerBytes * BlockLayout.headerBytes
            guard bytes > 0 else { return .missing }
            done = pages
            return .more
        case .again: return .more
        case .cancelled, .disconnected, .full, .failed: return .failed
        }
    }
}
