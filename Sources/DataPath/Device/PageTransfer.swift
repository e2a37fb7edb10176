import Reactor

/// Whole pages between a block file and registered memory: where they lie, how many of them have
/// moved, and how the transfer goes on when the device moves fewer than it was asked for.
///
/// A short direct transfer ends at a sector. It goes on at its last whole page, over bytes that are
/// the same. That must end: a file that somebody cut inside a page gives the same bytes again and
/// again, and a device that takes less than a page may do so for ever. What that means, a copy that
/// is corrupt or a device that failed, is for whoever asked to say.
struct PageTransfer: BitwiseCopyable {
    static let pageBytes = 4096
    /// Results in a row that may bring the transfer no page further.
    static let mostStalls: UInt8 = 16

    enum Step {
        /// The bytes that are needed have moved.
        case whole
        /// Interrupted or short: what is missing is asked for again.
        case more
        /// The file ends before its end, or no whole page moves any more.
        case short
        /// The device says why.
        case failed
    }

    /// Of the first page in the file.
    let offset: UInt64
    /// What the device is asked for: whole pages.
    let count: Int
    /// What has to move. A file may end inside the last page of its payload.
    let needed: Int
    /// What has moved: whole pages.
    private(set) var done = 0
    private var stalls: UInt8 = 0

    /// - Parameter needed: all of it when absent.
    init(offset: UInt64, count: Int, needed: Int? = nil) {
        self.offset = offset
        self.count = count
        self.needed = needed ?? count
    }

    /// Counts what an operation moved.
    mutating func take(_ outcome: Outcome) -> Step {
        switch outcome {
        case .done(let bytes):
            let total = done + Int(bytes)
            guard total < needed else { return .whole }
            let pages = total / Self.pageBytes * Self.pageBytes
            stalls = pages == done ? stalls + 1 : 0
            done = pages
            return bytes == 0 || stalls > Self.mostStalls ? .short : .more
        case .again: return .more
        case .cancelled, .disconnected, .full, .failed: return .failed
        }
    }

    /// Reads what is missing into memory that has room for all of it.
    func read(_ file: Descriptor, into memory: UnsafeMutableRawPointer) -> Request {
        .read(
            file, memory + done, count: count - done, offset: offset + UInt64(done),
            registered: true)
    }

    /// Writes what is missing from memory that holds all of it.
    func write(_ file: Descriptor, from memory: UnsafeRawPointer) -> Request {
        .write(
            file, memory + done, count: count - done, offset: offset + UInt64(done),
            registered: true)
    }
}

// What a block file says of itself (`BlockLayout`).
extension PageTransfer {
    /// Both header copies.
    static var headers: Self { Self(offset: 0, count: 2 * BlockLayout.headerBytes) }

    /// The header copy of this sequence.
    static func header(sequence: UInt64) -> Self {
        Self(
            offset: BlockLayout.headerOffset(sequence: sequence), count: BlockLayout.headerBytes)
    }

    /// The checksum table of a sealed block.
    static func table(length: UInt64) -> Self {
        Self(
            offset: BlockLayout.tableOffset(length: length),
            count: BlockLayout.tableBytes(maxLength: length))
    }

    /// The checksum table of an open block's durable prefix.
    static func flushTable(maxLength: UInt64, sequence: UInt64, chunks: Int) -> Self {
        Self(
            offset: BlockLayout.flushTableOffset(maxLength: maxLength, sequence: sequence),
            count: BlockLayout.tableBytes(chunks: chunks))
    }

    /// The table that a header copy names.
    static func table(of header: BlockHeader) -> Self {
        let chunks = Int(header.tableCount)
        guard header.state == .sealed else {
            return flushTable(
                maxLength: header.maxLength, sequence: header.sequence, chunks: chunks)
        }
        return Self(
            offset: BlockLayout.tableOffset(length: header.length),
            count: BlockLayout.tableBytes(chunks: chunks))
    }
}
