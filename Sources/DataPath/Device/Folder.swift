import Glibc
import System

/// One folder of a data directory, as a start and an agent's thread use it: what `BlockScan` and
/// the small records need of a file system. Every call waits for its answer.
///
/// The kernel's is `KernelFolder`. A simulated disk has another one, so that what is decided over
/// these calls is the same in a datanode and in a simulation.
package protocol Folder {
    /// One of its files while it is open.
    associatedtype File

    /// In sentences.
    var path: String { get }

    /// Everything that lies in it.
    func names() throws(FileFailure) -> [String]
    /// Of whatever has the name.
    func facts(of name: String) throws(FileFailure) -> FileFacts
    /// Opens a regular file, and nothing else that may have its name: a FIFO would keep the caller
    /// waiting, and a link leads somewhere else.
    func open(_ name: String, for use: FileUse) throws(FileFailure) -> (
        file: File, facts: FileFacts
    )
    func close(_ file: File)
    /// - Returns: bytes moved; 0 at the end of the file.
    func read(
        _ file: File, into memory: UnsafeMutableRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int
    func write(
        _ file: File, from memory: UnsafeRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int
    /// The file's bytes survive a power cut.
    func sync(_ file: File) throws(FileFailure)
    /// The folder's names do.
    func sync() throws(FileFailure)
    /// Over what has the other name.
    func rename(_ name: String, to other: String) throws(FileFailure)
    /// - Returns: why it could not be done; nobody need ask.
    @discardableResult func unlink(_ name: String) -> FileFailure?
    /// Nobody but the owner may read it from now on.
    func makePrivate(_ name: String) throws(FileFailure)
}

package enum FileUse: Sendable {
    case reading
    /// In place, of a file that is there.
    case writing
    /// In place; made when it is missing.
    case making
    /// From its first byte, whatever was there.
    case remaking
}

package struct FileFacts: Equatable, Sendable {
    package let isRegular: Bool
    /// Others than its owner may read it.
    package let isShared: Bool
    package let length: UInt64
    /// Bytes of the pages that it has.
    package let allocated: UInt64

    package init(isRegular: Bool, isShared: Bool, length: UInt64, allocated: UInt64) {
        self.isRegular = isRegular
        self.isShared = isShared
        self.length = length
        self.allocated = allocated
    }
}

/// Why a folder or a file does not do what it was asked.
package enum FileFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case refused(CInt)
    case notRegular

    package var description: String {
        switch self {
        case .refused(let code): errorText(code)
        case .notRegular: "it is not a regular file"
        }
    }

    /// `nil`: no call failed.
    var code: CInt? {
        switch self {
        case .refused(let code): code
        case .notRegular: nil
        }
    }
}

extension Folder {
    /// Reads on until all of it is there or the file ends.
    /// - Returns: how many bytes there were.
    func readAll(
        _ file: File, into memory: UnsafeMutableRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int {
        var done = 0
        while done < count {
            do throws(FileFailure) {
                let moved = try read(
                    file, into: memory + done, count: count - done, at: offset + UInt64(done))
                guard moved > 0 else { break }
                done += moved
            } catch .refused(EINTR) {
                continue
            }
        }
        return done
    }

    /// Writes on until all of it is there.
    func writeAll(_ file: File, _ bytes: [UInt8]) throws(FileFailure) {
        var done = 0
        while done < bytes.count {
            do throws(FileFailure) {
                let moved = try bytes.withUnsafeBufferPointer { memory throws(FileFailure) in
                    guard let base = memory.baseAddress else { return 0 }
                    return try write(
                        file, from: UnsafeRawPointer(base + done), count: bytes.count - done,
                        at: UInt64(done))
                }
                // A file system that takes nothing would be asked for ever.
                guard moved > 0 else { throw .refused(EIO) }
                done += moved
            } catch .refused(EINTR) {
                continue
            }
        }
    }

    /// The text of a record, or `nil` when there is none.
    /// - Parameter most: bytes of it that are read.
    func text(of name: String, most: Int) throws(FileFailure) -> String? {
        let opened: (file: File, facts: FileFacts)
        do throws(FileFailure) {
            opened = try open(name, for: .reading)
        } catch .refused(ENOENT) {
            return nil
        }
        defer { close(opened.file) }
        let size = min(most, Int(opened.facts.length))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { memory.deallocate() }
        guard let base = memory.baseAddress else { return "" }
        let count = try readAll(opened.file, into: base, count: size, at: 0)
        return String(decoding: memory.prefix(count), as: UTF8.self)
    }

    /// Puts a record in the place of an older one: a new file, synced, renamed over it, and the
    /// folder synced. After a power cut one of the two is there, whole.
    func replace(_ name: String, with text: String) throws(FileFailure) {
        let draft = name + ".new"
        let file = try open(draft, for: .remaking).file
        defer { close(file) }
        do throws(FileFailure) {
            try writeAll(file, Array(text.utf8))
            try sync(file)
            try rename(draft, to: name)
        } catch {
            unlink(draft)
            throw error
        }
        try sync()
    }

    /// Overwrites a record in its place: less than a sector, which a device writes whole or not at
    /// all.
    func overwrite(
        _ name: String, with text: String, for use: FileUse, syncs: Bool
    ) throws(FileFailure) {
        let file = try open(name, for: use).file
        defer { close(file) }
        try writeAll(file, Array(text.utf8))
        guard syncs else { return }
        try sync(file)
        try sync()
    }
}
