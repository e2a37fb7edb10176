import Glibc
import Logging
import Reactor
import System
import Wire

/// Keeps in every data directory, in its file `namespace`, which state of the namespace this node
/// has heard of last, on the agent's thread: so that a namenode that is started on an older copy
/// hears of it from nodes that were started anew.
///
/// ```
/// catena-namespace 1
/// 5eed1234 00000000000004d2 e3069283
/// ```
/// Incarnation, commit and the CRC32C of what is before it: one line within one sector, written in
/// place. A new incarnation is synced. A commit is not, once a second: that would cost the device
/// more than it is worth, since a power cut takes back half a minute of commits at most.
final class MarkKeeper {
    static let name = "namespace"
    private static let format = "catena-namespace 1\n"

    private let directories: [DataDirectory]
    private let log: Logger
    private var written: [NamespaceMark]
    private var wasRefused = false

    /// Reads what every directory kept.
    init(_ directories: [DataDirectory], _ log: Logger) {
        self.directories = directories
        self.log = log
        written = []
        for directory in directories {
            let (mark, defect) = Self.read(directory.directory)
            if let defect {
                log.warning(
                    "what this node has heard of its namespace is not known here",
                    metadata: ["file": "\(directory.path)/\(Self.name)", "reason": "\(defect)"])
            }
            written.append(mark)
        }
    }

    /// The newest that a directory has: one may have been away for a while.
    var newest: NamespaceMark { written.max { $0.commit < $1.commit } ?? .none }

    func keep(_ mark: NamespaceMark) {
        guard mark != .none else { return }
        for (place, directory) in directories.enumerated() where written[place] != mark {
            let isNew = written[place].incarnation != mark.incarnation
            guard let reason = Self.write(mark, directory.directory, syncs: isNew) else {
                written[place] = mark
                wasRefused = false
                continue
            }
            // Tried again with the next answer.
            if !wasRefused {
                log.error(
                    "cannot keep what this node has heard of its namespace",
                    metadata: ["directory": "\(directory.path)", "reason": "\(reason)"])
            }
            wasRefused = true
        }
    }

    static func text(of mark: NamespaceMark) -> String {
        let facts = "\(mark.incarnation) \(hexadecimal(mark.commit, digits: 16))"
        let sum = CRC32C.of(Array((format + facts).utf8))
        return format + facts + " \(hexadecimal(UInt64(sum), digits: 8))\n"
    }

    /// `nil` for anything but what `text` writes.
    static func mark(of text: String) -> NamespaceMark? {
        let words = text.dropFirst(format.count).split(separator: " ")
        guard words.count == 3, let incarnation = UInt32(hexadecimal: words[0]),
            let commit = UInt64(hexadecimal: words[1])
        else { return nil }
        let mark = NamespaceMark(
            incarnation: NamespaceIncarnation(incarnation), commit: commit)
        return self.text(of: mark) == text ? mark : nil
    }

    /// Opens the file, and nothing else that may have its name: a FIFO would keep the agent
    /// waiting, and a link leads somewhere else.
    /// - Returns: `nil` with the defect, or without one when nothing has the name.
    private static func open(
        _ directory: Int32, _ flags: Int32, _ defect: inout String?
    ) -> Int32? {
        let file = openat(
            directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else {
            defect = errno == ENOENT ? nil : errorText(errno)
            return nil
        }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            defect = "it is not a regular file"
            close(file)
            return nil
        }
        return file
    }

    /// What a directory kept; `none` when that cannot be read.
    static func kept(in directory: DataDirectory) -> NamespaceMark {
        read(directory.directory).0
    }

    private static func read(_ directory: Int32) -> (NamespaceMark, defect: String?) {
        var defect: String?
        guard let file = open(directory, O_RDONLY, &defect) else { return (.none, defect) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { return (.none, errorText(errno)) }
        guard let mark = mark(of: String(decoding: bytes.prefix(count), as: UTF8.self)) else {
            return (.none, "it is not what a datanode writes there")
        }
        return (mark, nil)
    }

    /// - Returns: `nil`, or why it could not be kept.
    private static func write(
        _ mark: NamespaceMark, _ directory: Int32, syncs: Bool
    ) -> String? {
        var defect: String?
        guard let file = open(directory, O_WRONLY | O_CREAT, &defect) else {
            return defect ?? errorText(ENOENT)
        }
        defer { close(file) }
        let bytes = Array(text(of: mark).utf8)
        guard pwrite(file, bytes, bytes.count, 0) == bytes.count,
            !syncs || fsync(file) == 0 && fsync(directory) == 0
        else { return errorText(errno) }
        return nil
    }
}
