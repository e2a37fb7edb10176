import System
import Wire

/// Files of one device whose blocks are gone, kept for the blocks to come.
///
/// A write over extents that were written before costs the file system nothing but the write; into
/// a fresh file it allocates, and turns unwritten extents into written ones, which halves the
/// throughput of direct I/O (docs/PERFORMANCE.md). So a deleted block's file is renamed to
/// `NUMBER.free` and becomes the next block's of about its size.
///
/// Bounds: `mostFiles`, and the bytes that the settings give. Beyond them a deleted block's file is
/// unlinked.
public struct RecycledFiles: Sendable {
    /// One spare file.
    public struct File: Equatable, Sendable, BitwiseCopyable {
        /// Its name: the block it was, or a number of its own when it never was one.
        public let number: UInt64
        /// Pages that are written, from its start.
        public let pages: UInt32

        public init(number: UInt64, pages: UInt32) {
            self.number = number
            self.pages = pages
        }

        public var name: String { RecycledFiles.name(number) }
        public var bytes: UInt64 { UInt64(pages) * UInt64(BlockLayout.headerBytes) }
    }

    public static let mostFiles = 4096
    public static let suffix = ".free"

    public let mostBytes: UInt64
    public private(set) var bytes: UInt64 = 0
    /// By size, smallest first.
    private var files: [File] = []

    public init(mostBytes: UInt64) { self.mostBytes = mostBytes }

    public static func name(_ number: UInt64) -> String {
        hexadecimal(number, digits: 16) + suffix
    }

    /// The number in a spare file's name; `nil` for any other name.
    public static func number(of name: String) -> UInt64? {
        guard name.hasSuffix(suffix), name.utf8.count == 16 + suffix.utf8.count else { return nil }
        return UInt64(hexadecimal: name.dropLast(suffix.utf8.count))
    }

    public var count: Int { files.count }

    /// Whether one more file of this size stays within the bounds.
    public func hasRoom(pages: UInt32) -> Bool {
        let size = UInt64(pages) * UInt64(BlockLayout.headerBytes)
        return files.count < Self.mostFiles && bytes + size <= mostBytes
    }

    /// `false`: there is no room for it.
    public mutating func add(_ file: File) -> Bool {
        guard file.pages > 0, hasRoom(pages: file.pages) else { return false }
        files.insert(file, at: place(of: file.pages))
        bytes += file.bytes
        return true
    }

    /// The smallest file that a block of `pages` fits and does not waste: at most a hundredth, and
    /// one page, more than it needs.
    public mutating func take(pages: UInt32) -> File? {
        let index = place(of: pages)
        guard index < files.count, files[index].pages <= Self.mostPages(for: pages) else {
            return nil
        }
        return remove(index)
    }

    /// Any file, the largest first, to give its space back.
    public mutating func takeLargest() -> File? {
        files.isEmpty ? nil : remove(files.count - 1)
    }

    /// The longest file, in pages, that a block of `pages` may keep.
    public static func mostPages(for pages: UInt32) -> UInt32 { pages + max(1, pages / 100) }

    private mutating func remove(_ index: Int) -> File {
        let file = files.remove(at: index)
        bytes -= file.bytes
        return file
    }

    /// The first place with a file of at least `pages`.
    private func place(of pages: UInt32) -> Int {
        var low = 0
        var high = files.count
        while low < high {
            let middle = (low + high) / 2
            if files[middle].pages < pages { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
