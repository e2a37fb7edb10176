import Glibc
import ToolSupport

/// A file beside another one, under a name that nobody else has, that takes that other one's place
/// when it is whole.
///
/// Who writes it holds a lock on it (flock.2), which ends with the process however that ends: so
/// one that was left behind can be told from one that is being written, and the next get to the
/// same file takes it away.
struct PartialFile: Sendable {
    struct Failure: Error {
        let number: CInt
        /// The target, which something is mounted on, was there before and is cut now.
        var isTargetCut = false
    }

    let descriptor: CInt
    /// What killed gets had left of the same target, and is gone now.
    let leftovers: [LocalPath]
    private let path: LocalPath
    private let target: LocalPath

    /// A name ends with `.partial-` and 16 hexadecimal digits.
    private static let mark = Array(".partial-".utf8)
    private static let digits = 16
    /// Names of a folder that are looked at for what was left behind.
    private static let mostNames = 100_000
    /// Of a path, without the zero at its end (limits.h).
    private static let longestPath = 4095

    init(for target: LocalPath, mode: mode_t) throws(Failure) {
        let cut = target.bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let folder = Array(target.bytes[..<cut])
        let beginning = Self.beginning(of: target.bytes[cut...], in: folder)
        let made = try Interruption.tidy { () throws(Failure) in
            try Self.create(folder + beginning, mode)
        } _: { made in
            _ = made.path.withCString { unlink($0) }
        }
        self.target = target
        path = made.path
        descriptor = made.descriptor
        // A file system without locks leaves it to the user what a killed get has left.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        leftovers = Self.takeAway(in: folder, beginning, but: path)
    }

    /// What the name of every partial file of one target begins with. A long name is cut, for file
    /// systems have a bound.
    private static func beginning(of name: ArraySlice<UInt8>, in folder: [UInt8]) -> [UInt8] {
        let bound = self.folder(folder).withCString { pathconf($0, CInt(_PC_NAME_MAX)) }
        let longest = min(bound > 0 ? bound : 255, longestPath - folder.count)
        return name.prefix(max(0, longest - mark.count - digits)) + mark
    }

    private static func folder(_ bytes: [UInt8]) -> LocalPath {
        bytes.isEmpty ? LocalPath(bytes: [UInt8(ascii: ".")]) : LocalPath(bytes: bytes)
    }

    private static func create(
        _ beginning: [UInt8], _ mode: mode_t
    ) throws(Failure) -> (path: LocalPath, descriptor: CInt) {
        var random = SystemRandomNumberGenerator()
        while true {
            let end = Array(String(random.next() as UInt64, radix: 16).utf8)
            let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: digits - end.count)
            let path = LocalPath(bytes: beginning + zeros + end)
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
            let descriptor = path.withCString { open($0, flags, mode) }
            if descriptor != -1 { return (path, descriptor) }
            guard errno == EEXIST else { throw Failure(number: errno) }
        }
    }

    // MARK: The end

    /// Takes the target's place.
    func takePlace() throws(Failure) {
        let result = path.withCString { old in target.withCString { rename(old, $0) } }
        if result == 0 { return }
        // Something is mounted on the target, which stays what it is and gets the bytes.
        guard errno == EBUSY else { throw Failure(number: errno) }
        try copyToTarget()
    }

    /// As cp(1) does: what cannot be copied leaves the target cut.
    private func copyToTarget() throws(Failure) {
        let source = path.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        guard source != -1 else { throw Failure(number: errno) }
        defer { close(source) }
        let sink = target.withCString { open($0, O_WRONLY | O_TRUNC | O_CLOEXEC) }
        guard sink != -1 else { throw Failure(number: errno) }
        defer { close(sink) }
        while true {
            let count = sendfile(sink, source, nil, 1 << 30)
            if count == 0 { return }
            guard count > 0 || errno == EINTR else {
                throw Failure(number: errno, isTargetCut: true)
            }
        }
    }

    /// Lets go of it; what has not taken the target's place is gone.
    func end() {
        close(descriptor)
        // After a rename there is nothing of this name, and ENOENT is the expected answer.
        _ = path.withCString { unlink($0) }
    }

    // MARK: What others left

    private static func takeAway(
        in folder: [UInt8], _ beginning: [UInt8], but own: LocalPath
    ) -> [LocalPath] {
        // One that may be written but not listed keeps what is there.
        guard let stream = self.folder(folder).withCString({ opendir($0) }) else { return [] }
        defer { closedir(stream) }
        var taken: [LocalPath] = []
        for _ in 0..<mostNames {
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let path = LocalPath(bytes: folder + name)
            guard name.count == beginning.count + digits, name.starts(with: beginning),
                name.suffix(digits).allSatisfy(isDigit), path != own, isLeft(path)
            else { continue }
            if path.withCString({ unlink($0) }) == 0 { taken.append(path) }
        }
        return taken
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }

    /// Whether nobody writes it any more.
    private static func isLeft(_ path: LocalPath) -> Bool {
        let descriptor = path.withCString { open($0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor != -1 else { return false }
        defer { close(descriptor) }
        var facts = stat()
        // An empty one may be about to be locked by who made it.
        return fstat(descriptor, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
            && facts.st_size > 0 && facts.st_uid == geteuid()
            && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
}
