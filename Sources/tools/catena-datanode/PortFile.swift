import Glibc
import Reactor
import System
import ToolSupport

/// The file that tells a script which port was taken.
enum PortFile {
    /// Whole or not there, for a script that waits for the file.
    static func write(_ port: UInt16, to path: String) throws(ToolFailure) {
        let text = Array("\(port)\n".utf8)
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw ToolFailure(.io, "cannot write \(temporary): \(errorText(errno))")
        }
        defer { close(file) }
        guard Glibc.write(file, text, text.count) == text.count, rename(temporary, path) == 0
        else { throw ToolFailure(.io, "cannot write \(path): \(errorText(errno))") }
    }
}
