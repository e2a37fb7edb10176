import Logging
import System
import Wire

/// Keeps in every data directory which state of the namespace this node has heard of last, on the
/// agent's thread: so that a namenode that is started on an older copy hears of it from nodes that
/// were started anew.
package final class MarkKeeper<Files: Folder> {
    private let folders: [Files]
    private let log: Logger
    private var written: [NamespaceMark]
    private var wasRefused = false

    /// Reads what every directory kept.
    package init(_ folders: [Files], _ log: Logger) {
        self.folders = folders
        self.log = log
        written = []
        for folder in folders {
            let (mark, defect) = MarkFile.read(folder)
            if let defect {
                log.warning(
                    "what this node has heard of its namespace is not known here",
                    metadata: ["file": "\(folder.path)/\(MarkFile.name)", "reason": "\(defect)"])
            }
            written.append(mark)
        }
    }

    /// The newest that a directory has: one may have been away for a while.
    package var newest: NamespaceMark { written.max { $0.commit < $1.commit } ?? .none }

    package func keep(_ mark: NamespaceMark) {
        guard mark != .none else { return }
        for (place, folder) in folders.enumerated() where written[place] != mark {
            let isNew = written[place].incarnation != mark.incarnation
            do throws(FileFailure) {
                try MarkFile.write(mark, folder, syncs: isNew)
                written[place] = mark
                wasRefused = false
            } catch {
                // Tried again with the next answer.
                if !wasRefused {
                    log.error(
                        "cannot keep what this node has heard of its namespace",
                        metadata: ["directory": "\(folder.path)", "reason": "\(error)"])
                }
                wasRefused = true
            }
        }
    }
}

/// A directory's file `namespace`.
///
/// ```
/// catena-namespace 1
/// 5eed1234 00000000000004d2 e3069283
/// ```
/// Incarnation, commit and the CRC32C of what is before it: one line within one sector, written in
/// place. A new incarnation is synced. A commit is not, once a second: that would cost the device
/// more than it is worth, since a power cut takes back half a minute of commits at most.
enum MarkFile {
    static let name = "namespace"
    private static let format = "catena-namespace 1\n"

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

    /// What a folder kept; `none` when that cannot be read.
    static func read(_ folder: some Folder) -> (mark: NamespaceMark, defect: String?) {
        do throws(FileFailure) {
            guard let text = try folder.text(of: name, most: 256) else { return (.none, nil) }
            guard let mark = mark(of: text) else {
                return (.none, "it is not what a datanode writes there")
            }
            return (mark, nil)
        } catch {
            return (.none, "\(error)")
        }
    }

    static func write(
        _ mark: NamespaceMark, _ folder: some Folder, syncs: Bool
    ) throws(FileFailure) {
        try folder.overwrite(name, with: text(of: mark), for: .making, syncs: syncs)
    }
}
