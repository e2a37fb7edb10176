import Glibc
import Reactor
import System
import Wire

extension DataDirectory {
    /// Bytes of the file that are read: more than 600,000 corrupt blocks take.
    private static let scrubBytes = 32 << 20

    /// What the scrub kept here; an empty one where there is no file.
    /// - Throws: when it cannot be read or is not ours: what it says of corrupt blocks must not be
    ///   lost without a word.
    func readScrub() throws(StartFailure) -> ScrubFile {
        let place = "\(path)/\(ScrubFile.name)"
        let file = openat(
            directory, ScrubFile.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if file < 0, errno == ENOENT { return ScrubFile() }
        guard file >= 0 else { throw Self.refused("cannot read", place, errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < Self.scrubBytes {
            let count = read(file, &piece, piece.count)
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw Self.refused("cannot read", place, errno)
            }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        guard let kept = ScrubFile(String(decoding: bytes, as: UTF8.self)) else {
            throw StartFailure(
                .configuration,
                "\(place) is not a scrub file of this format: move it away, and every block is "
                    + "scrubbed anew; blocks it named as corrupt are served until they are found "
                    + "again")
        }
        return kept
    }

    /// New file, synced, renamed over the old one, directory synced.
    /// - Returns: `nil`, or why it could not be kept.
    func write(_ kept: ScrubFile) -> String? {
        let draft = ScrubFile.name + ".new"
        let file = openat(directory, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return errorText(errno) }
        defer { close(file) }
        let bytes = Array(kept.text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.write(file, $0.baseAddress, $0.count)
            }
            guard count > 0 || (count < 0 && errno == EINTR) else { return errorText(errno) }
            done += max(0, count)
        }
        guard fsync(file) == 0, renameat(directory, draft, directory, ScrubFile.name) == 0,
            fsync(directory) == 0
        else { return errorText(errno) }
        return nil
    }
}
