import Glibc
import System

/// Why a namenode's directory cannot be made or used. Each case is a sentence for the operator.
package enum DirectoryFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case exists(String)
    case notFormatted(String)
    case damaged(String, reason: String)
    case newerFormat(String, found: Int)
    case locked(String)
    case backup(String)
    case system(String, SystemFailure)

    package var description: String {
        switch self {
        case .exists(let directory):
            "\(directory) holds a namespace already, and none is ever overwritten. "
                + "Choose another directory, or move this one away"
        case .notFormatted(let directory):
            "\(directory) holds no namespace, or is not there: name the directory of a namenode "
                + "or of a backup"
        case .damaged(let file, let reason): "\(file) cannot be used: \(reason)"
        case .newerFormat(let directory, let found):
            "\(directory) has format \(found), this program knows up to "
                + "\(NamespaceDirectory.formatVersion): use a newer one"
        case .backup(let directory):
            "\(directory) is a backup, which is older than its cluster: a namenode is never run on "
                + "it. Make a directory of it with: catena-namenode restore --from \(directory) "
                + "--dir NEW"
        case .locked(let directory): "another namenode is using \(directory)"
        case .system(let path, let failure) where failure.isDenied:
            "\(path): permission denied: run as the owner of the namenode's directory"
        case .system(let path, let failure): "\(path): \(failure)"
        }
    }
}

extension SystemFailure {
    /// This user may not, and another may.
    package var isDenied: Bool { code == EACCES || code == EPERM }
}
