import CURing
import Glibc
import System
import Wire

/// Writes files of zeros for the blocks to come, so that a fresh device runs at the speed of one
/// that is full of recycled files. Blocking; for a thread of its own.
///
/// Only written extents will do: a block written into extents that are merely allocated
/// (fallocate.2) is as slow as one in a fresh file (docs/PERFORMANCE.md).
struct SpareWriter {
    /// Behind the name of a file that is not whole yet.
    static let draftSuffix = ".new"
    /// Numbers above every block's: a spare file that never was a block.
    static let firstNumber: UInt64 = 0xffff_0000_0000_0000
    private static let pieceBytes = 1 << 20

    let directory: DataDirectory
    let stop: StopSignal

    /// Takes away what an earlier run left unfinished.
    func clear() throws(StartFailure) {
        for name in try BlockScan.names(in: directory.folders.blocks)
        where name.hasSuffix(Self.draftSuffix) {
            unlinkat(directory.blocks, name, 0)
        }
    }

    /// Writes one file after another until `spares` and the new ones hold `wanted` bytes.
    /// - Parameter keep: takes a finished file.
    func fill(
        _ spares: [RecycledFiles.File], wanted: UInt64, blockBytes: UInt64,
        keep: (RecycledFiles.File) -> Void
    ) throws(StartFailure) {
        let pages = BlockLayout.filePages(length: blockBytes)
        var bytes = spares.reduce(0) { $0 + $1.bytes }
        var number = max(Self.firstNumber, (spares.map(\.number).max() ?? 0) &+ 1)
        while bytes < wanted, !stop.wasSet {
            let file = RecycledFiles.File(number: number, pages: pages)
            guard try write(file) else { return }
            keep(file)
            bytes += file.bytes
            number += 1
        }
    }

    /// `false`: stopped on the way.
    private func write(_ file: RecycledFiles.File) throws(StartFailure) -> Bool {
        let draft = file.name + Self.draftSuffix
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let target = openat(
            directory.blocks, draft, flags | (directory.isDirect ? CURING_O_DIRECT : 0), 0o600)
        guard target >= 0 else { throw refused(errno) }
        defer { close(target) }
        guard try zero(target, bytes: Int(file.bytes)) else {
            unlinkat(directory.blocks, draft, 0)
            return false
        }
        guard fdatasync(target) == 0,
            renameat(directory.blocks, draft, directory.blocks, file.name) == 0
        else { throw refused(errno) }
        return true
    }

    private func zero(_ target: Int32, bytes: Int) throws(StartFailure) -> Bool {
        let zeros = UnsafeMutableRawPointer.allocate(byteCount: Self.pieceBytes, alignment: 4096)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0, count: Self.pieceBytes)
        var done = 0
        while done < bytes {
            guard !stop.wasSet else { return false }
            let count = pwrite(target, zeros, min(Self.pieceBytes, bytes - done), off_t(done))
            guard count > 0 || (count < 0 && errno == EINTR) else { throw refused(errno) }
            done += max(0, count)
        }
        return true
    }

    private func refused(_ number: Int32) -> StartFailure {
        let refused = DataDirectory.refused(
            "cannot preallocate in", directory.path + "/blocks", number)
        do throws(StartFailure) { try clear() } catch {
            return StartFailure(refused.cause, "\(refused); \(error)")
        }
        return refused
    }
}
