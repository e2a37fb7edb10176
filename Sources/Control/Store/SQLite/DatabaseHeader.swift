import Foundation

/// The first bytes of a database file (sqlite.org/fileformat2.html, section 1.3).
struct DatabaseHeader {
    static let bytes = 100

    let path: String
    /// The file's, in whole pages.
    let filePages: Int
    private let fileBytes: Int
    /// As the header counts them.
    let pages: Int

    init(path: String) throws(StoreFailure) {
        self.path = path
        let head: [UInt8]
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            head = Array(try file.read(upToCount: Self.bytes) ?? Data())
            fileBytes = Int(try file.seekToEnd())
            try file.close()
        } catch {
            throw StoreFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
        func refuse(_ offset: Int, _ reason: String) -> StoreFailure {
            StoreFailure("\(path), offset \(offset): \(reason)")
        }
        guard head.count == Self.bytes else {
            throw refuse(head.count, "the file ends inside its header")
        }
        guard head.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw refuse(0, "this is not a SQLite database")
        }
        let pageBytes = Int(head[16]) << 8 | Int(head[17])
        guard pageBytes == Schema.pageBytes else {
            throw refuse(16, "pages of \(pageBytes) bytes, a namespace has \(Schema.pageBytes)")
        }
        guard head[18] == 2, head[19] == 2 else { throw refuse(18, "not in WAL mode") }
        guard head[20] == UInt8(PageChecks.reservedBytes) else {
            throw refuse(20, "its pages have no room for checksums")
        }
        pages = head[28..<32].reduce(0) { $0 << 8 | Int($1) }
        filePages = fileBytes / Schema.pageBytes
    }

    /// Every page that the database has is in the file or in the WAL.
    /// - Parameter count: how many pages the WAL's last transaction says there are.
    func requireWhole(pagesElsewhere: Set<UInt32>, count: Int? = nil) throws(StoreFailure) {
        let count = count ?? pages
        var missing = filePages + 1
        while missing <= count, pagesElsewhere.contains(UInt32(clamping: missing)) { missing += 1 }
        guard missing > count else {
            let offset = min(fileBytes, (missing - 1) * Schema.pageBytes)
            throw StoreFailure(
                "\(path) ends at offset \(offset), and \(count) pages of \(Schema.pageBytes) "
                    + "bytes belong to it: restore a backup")
        }
    }
}
