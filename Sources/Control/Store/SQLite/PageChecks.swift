import CSQLite
import Glibc
import Synchronization
import Wire

/// A layer under SQLite that keeps a checksum in every page of the database file, so that a page
/// that comes back other than it was written is an error and not an answer.
///
/// The idea is SQLite's own (its extension "cksumvfs"). The last eight bytes of each page are
/// reserved: CRC32C of the page before them followed by the page's number, then that number, so
/// that a page in another's place is noticed too. The WAL has checksums of its own. Pages are
/// checked whenever they are read from the file; a page of zeros was never written.
enum PageChecks {
    static let name = "catena-checked"
    static let reservedBytes: Int32 = 8
    private static let pageBytes = Schema.pageBytes

    /// For `sqlite3_open_v2`; registered when it is asked for first.
    static var fileSystem: String {
        precondition(isRegistered, "SQLite takes another file system")
        return name
    }

    /// Has the database that `connection` is about to make leave room for the checksums.
    static func reserve(_ connection: SQLiteConnection) throws(StoreFailure) {
        var bytes = reservedBytes
        let code = sqlite3_file_control(
            connection.handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes)
        guard code == SQLITE_OK else { throw connection.failure("reserving room in pages") }
    }

    // MARK: Damage

    private static let damaged = Mutex<[String: Int64]>([:])

    /// The first page found damaged in this file, as words for the operator.
    static func takeDamage(of path: String) -> String? {
        damaged.withLock { $0[path] }.map { "the page at offset \($0) is damaged" }
    }

    private static func note(_ file: UnsafeMutablePointer<CheckedFile>, _ offset: Int64) {
        let path = file.pointee.path.map { String(cString: $0) } ?? "?"
        damaged.withLock { if $0[path] == nil { $0[path] = offset } }
    }

    static func checksum(_ page: UnsafeRawPointer, number: UInt32) -> UInt32 {
        var little = number.littleEndian
        let covered = CRC32C.of(page, count: pageBytes - Int(reservedBytes))
        return CRC32C.of(&little, count: 4, seed: covered)
    }

    static func stamp(_ page: UnsafeMutableRawPointer, number: UInt32) {
        let end = pageBytes - Int(reservedBytes)
        let sum = checksum(page, number: number)
        page.storeBytes(of: sum.littleEndian, toByteOffset: end, as: UInt32.self)
        page.storeBytes(of: number.littleEndian, toByteOffset: end + 4, as: UInt32.self)
    }

    static func isWhole(_ page: UnsafeRawPointer, number: UInt32) -> Bool {
        let end = pageBytes - Int(reservedBytes)
        let sum = UInt32(littleEndian: page.loadUnaligned(fromByteOffset: end, as: UInt32.self))
        let said = UInt32(
            littleEndian: page.loadUnaligned(fromByteOffset: end + 4, as: UInt32.self))
        if said == number, sum == checksum(page, number: number) { return true }
        let all = UnsafeRawBufferPointer(start: page, count: pageBytes)
        return all.allSatisfy { $0 == 0 }
    }

    // MARK: The file system

    /// What SQLite keeps of an open database file; the real one's own part lies behind it.
    struct CheckedFile {
        var base: sqlite3_file
        var path: UnsafePointer<CChar>?
    }

    /// Where the real file's part begins: a multiple of what any type wants.
    private static let realOffset = 64

    private static func real(_ file: UnsafeMutablePointer<sqlite3_file>?)
        -> UnsafeMutablePointer<sqlite3_file>
    {
        UnsafeMutableRawPointer(file.unsafelyUnwrapped).advanced(by: realOffset)
            .assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func methods(_ file: UnsafeMutablePointer<sqlite3_file>?)
        -> UnsafePointer<sqlite3_io_methods>
    {
        real(file).pointee.pMethods.unsafelyUnwrapped
    }

    /// SQLite keeps both for as long as the process lives.
    nonisolated(unsafe) private static let original = sqlite3_vfs_find(nil).unsafelyUnwrapped
    nonisolated(unsafe) private static let checking = makeMethods()

    private static let isRegistered: Bool = {
        let system = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        system.initialize(to: original.pointee)
        system.pointee.szOsFile += Int32(realOffset)
        system.pointee.zName = UnsafePointer(strdup(name))
        system.pointee.pNext = nil
        system.pointee.xOpen = { _, path, file, flags, outFlags in
            guard let file else { return SQLITE_CANTOPEN }
            guard flags & SQLITE_OPEN_MAIN_DB != 0 else {
                return PageChecks.original.pointee.xOpen(
                    PageChecks.original, path, file, flags, outFlags)
            }
            let code = PageChecks.original.pointee.xOpen(
                PageChecks.original, path, PageChecks.real(file), flags, outFlags)
            let checked = UnsafeMutableRawPointer(file).bindMemory(
                to: CheckedFile.self, capacity: 1)
            checked.pointee.path = path
            file.pointee.pMethods =
                PageChecks.real(file).pointee.pMethods == nil ? nil : PageChecks.checking
            return code
        }
        return sqlite3_vfs_register(system, 0) == SQLITE_OK
    }()

    private static func makeMethods() -> UnsafePointer<sqlite3_io_methods> {
        let made = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var table = sqlite3_io_methods()
        // Version 2 has shared memory and no mapping: pages that are mapped pass no reader.
        table.iVersion = 2
        table.xClose = { PageChecks.methods($0).pointee.xClose(PageChecks.real($0)) }
        table.xRead = { PageChecks.read($0, $1, $2, $3) }
        table.xWrite = { PageChecks.write($0, $1, $2, $3) }
        table.xTruncate = { PageChecks.methods($0).pointee.xTruncate(PageChecks.real($0), $1) }
        table.xSync = { PageChecks.methods($0).pointee.xSync(PageChecks.real($0), $1) }
        table.xFileSize = { PageChecks.methods($0).pointee.xFileSize(PageChecks.real($0), $1) }
        table.xLock = { PageChecks.methods($0).pointee.xLock(PageChecks.real($0), $1) }
        table.xUnlock = { PageChecks.methods($0).pointee.xUnlock(PageChecks.real($0), $1) }
        table.xCheckReservedLock = {
            PageChecks.methods($0).pointee.xCheckReservedLock(PageChecks.real($0), $1)
        }
        table.xFileControl = {
            PageChecks.methods($0).pointee.xFileControl(PageChecks.real($0), $1, $2)
        }
        table.xSectorSize = { PageChecks.methods($0).pointee.xSectorSize(PageChecks.real($0)) }
        table.xDeviceCharacteristics = {
            PageChecks.methods($0).pointee.xDeviceCharacteristics(PageChecks.real($0))
        }
        table.xShmMap = {
            PageChecks.methods($0).pointee.xShmMap(PageChecks.real($0), $1, $2, $3, $4)
        }
        table.xShmLock = {
            PageChecks.methods($0).pointee.xShmLock(PageChecks.real($0), $1, $2, $3)
        }
        table.xShmBarrier = { PageChecks.methods($0).pointee.xShmBarrier(PageChecks.real($0)) }
        table.xShmUnmap = { PageChecks.methods($0).pointee.xShmUnmap(PageChecks.real($0), $1) }
        made.initialize(to: table)
        return UnsafePointer(made)
    }

    private static func isPage(_ count: Int32, _ offset: Int64) -> Bool {
        Int(count) == pageBytes && offset % Int64(pageBytes) == 0
    }

    private static func number(_ offset: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: offset / Int64(pageBytes) + 1)
    }

    private static func read(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeMutableRawPointer?,
        _ count: Int32, _ offset: Int64
    ) -> Int32 {
        let code = methods(file).pointee.xRead(real(file), bytes, count, offset)
        guard code == SQLITE_OK, isPage(count, offset), let bytes, let file else { return code }
        if isWhole(bytes, number: number(offset)) { return code }
        note(
            UnsafeMutableRawPointer(file).assumingMemoryBound(to: CheckedFile.self), offset)
        return SQLITE_IOERR | (32 << 8)
    }

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ count: Int32,
        _ offset: Int64
    ) -> Int32 {
        guard isPage(count, offset), let bytes else {
            return methods(file).pointee.xWrite(real(file), bytes, count, offset)
        }
        return withUnsafeTemporaryAllocation(byteCount: pageBytes, alignment: 16) { copy in
            copy.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: pageBytes))
            guard let page = copy.baseAddress else { return SQLITE_NOMEM }
            stamp(page, number: number(offset))
            return methods(file).pointee.xWrite(real(file), page, count, offset)
        }
    }
}
