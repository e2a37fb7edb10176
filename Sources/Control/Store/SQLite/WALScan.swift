import Foundation

/// Reads a WAL as SQLite's recovery does (sqlite.org/fileformat2.html, section 4), and looks behind
/// the place where that stops.
///
/// A frame that does not check ends the log: so does the last, torn write of a process that was cut
/// off, and so does damage. They are told apart by what follows. Transactions are synced one by
/// one, so frames of a later transaction behind a broken frame mean that it was whole once.
struct WALScan {
    static let headerBytes = 32
    static let frameHeaderBytes = 24
    private static let frameBytes = frameHeaderBytes + Schema.pageBytes

    /// The file has room for a transaction. One that a namenode uses always has: it is not cut off
    /// when it begins anew.
    private(set) var hasFrames = false
    /// Frames of whole transactions.
    private(set) var frames = 0
    /// Where they end.
    private(set) var end = 0
    /// The pages that they hold.
    private(set) var pages: Set<UInt32> = []
    /// The size of the database after the last of them.
    private(set) var databasePages: Int?

    init(path: String) throws(StoreFailure) {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch { throw StoreFailure("\(path) cannot be read: \(error.localizedDescription)") }
        guard bytes.count >= Self.headerBytes else {
            guard bytes.isEmpty else {
                throw StoreFailure("\(path), offset \(bytes.count): the file ends in its header")
            }
            return
        }
        hasFrames = bytes.count >= Self.headerBytes + Self.frameBytes
        if let problem = bytes.withUnsafeBytes({ scan($0) }) {
            throw StoreFailure("\(path), offset \(problem.offset): \(problem.reason)")
        }
    }

    private struct Problem {
        let offset: Int
        let reason: String
    }

    private mutating func scan(_ raw: UnsafeRawBufferPointer) -> Problem? {
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let magic = word(0)
        guard magic & 0xffff_fffe == 0x377f_0682 else {
            return Problem(offset: 0, reason: "this is not a WAL")
        }
        let isBig = magic & 1 == 1
        var sum = WALChecksum(isBigEndian: isBig)
        sum.add(raw, 0, 24)
        guard sum.first == word(24), sum.second == word(28),
            word(8) == UInt32(Schema.pageBytes)
        else { return Problem(offset: 0, reason: "the header does not check") }
        end = Self.headerBytes
        var waiting: Set<UInt32> = []
        var offset = Self.headerBytes
        while offset + Self.frameBytes <= raw.count {
            var next = sum
            next.add(raw, offset, 8)
            next.add(raw, offset + Self.frameHeaderBytes, Schema.pageBytes)
            let hasSalt = word(offset + 8) == word(16) && word(offset + 12) == word(20)
            guard hasSalt, next.first == word(offset + 16), next.second == word(offset + 20) else {
                break
            }
            sum = next
            waiting.insert(word(offset))
            offset += Self.frameBytes
            let size = word(offset - Self.frameBytes + 4)
            if size != 0 {
                frames = (offset - Self.headerBytes) / Self.frameBytes
                end = offset
                databasePages = Int(size)
                pages.formUnion(waiting)
                waiting = []
            }
        }
        // What else has this log's salt.
        var commits = 0
        var beyond = offset
        while beyond + Self.frameBytes <= raw.count {
            let isOurs = word(beyond + 8) == word(16) && word(beyond + 12) == word(20)
            if isOurs, commits > 0 {
                return Problem(
                    offset: offset,
                    reason: "a frame is damaged, and later transactions follow it: "
                        + "restore a backup")
            }
            if isOurs, word(beyond + 4) != 0 { commits += 1 }
            beyond += Self.frameBytes
        }
        return nil
    }
}

/// The WAL's running checksum, over 32-bit words two by two.
struct WALChecksum {
    private(set) var first: UInt32 = 0
    private(set) var second: UInt32 = 0
    private let isBigEndian: Bool

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    mutating func add(_ raw: UnsafeRawBufferPointer, _ start: Int, _ count: Int) {
        for offset in stride(from: start, to: start + count, by: 8) {
            let left = raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let right = raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            first &+= (isBigEndian ? left.bigEndian : left.littleEndian) &+ second
            second &+= (isBigEndian ? right.bigEndian : right.littleEndian) &+ first
        }
    }
}
