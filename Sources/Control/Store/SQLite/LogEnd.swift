import Foundation
import Glibc
import System
import Wire

/// The number of the newest commit that was answered, in a file beside the database: a WAL that
/// lost its end says nothing of it, and the file does.
///
/// It is written between a commit's sync and its answer, so the log is at this number or beyond,
/// whatever cuts the process off. It has no sync of its own: when a process ends, the kernel has
/// its bytes; after a power cut the file may be some commits behind the log, which was synced, and
/// says less than it could. It is synced with each checkpoint. Two slots are written in turn, each
/// with its checksum, in sectors of their own.
final class LogEnd: Sendable {
    static let file = "namespace.end"
    private static let slotBytes = 512
    private static let recordBytes = 20
    private static let magic: UInt64 = 0x3144_4e45_4e54_4341

    private let path: String
    private let descriptor: Int32

    /// Opens the file in a namespace's directory, or makes it there.
    init(in directory: String) throws(StoreFailure) {
        path = "\(directory)/\(Self.file)"
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, "open") }
    }

    deinit { _ = close(descriptor) }

    /// Before the commit is answered.
    func write(_ commit: UInt64) throws(StoreFailure) {
        let record = Self.record(commit)
        let offset = off_t(Int(commit % 2) * Self.slotBytes)
        let count = record.withUnsafeBytes {
            pwrite(descriptor, $0.baseAddress, $0.count, offset)
        }
        guard count == record.count else { throw Self.failure(path, "write") }
    }

    func sync() throws(StoreFailure) {
        guard fdatasync(descriptor) == 0 else { throw Self.failure(path, "fdatasync") }
    }

    /// The number that the file in this directory has; `nil` without a file.
    static func read(in directory: String) throws(StoreFailure) -> UInt64? {
        let path = "\(directory)/\(file)"
        guard access(path, F_OK) == 0 else { return nil }
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw StoreFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
        let found = [0, slotBytes].compactMap { commit(Array(bytes.dropFirst($0))) }
        guard let newest = found.max() else {
            throw StoreFailure(
                "\(path) does not hold the number of a commit: put it back, restore a backup, or "
                    + "go on with what is there by 'catena-namenode accept'")
        }
        return newest
    }

    private static func record(_ commit: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: recordBytes)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittle(magic, at: 0)
            base.storeLittle(commit, at: 8)
            base.storeLittle(CRC32C.of(base, count: 16), at: 16)
        }
        return bytes
    }

    private static func commit(_ bytes: [UInt8]) -> UInt64? {
        guard bytes.count >= recordBytes else { return nil }
        let commit = bytes.withUnsafeBytes { buffer in
            buffer.baseAddress.map { $0.loadLittle(UInt64.self, at: 8) } ?? 0
        }
        return record(commit) == Array(bytes.prefix(recordBytes)) ? commit : nil
    }

    private static func failure(_ path: String, _ call: String) -> StoreFailure {
        StoreFailure("\(path): \(SystemFailure(call))", isRefusedByDisk: true)
    }
}
