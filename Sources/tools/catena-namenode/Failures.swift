import Control
import ControlClient
import Glibc
import ToolSupport

extension DirectoryFailure: Presentable {
    public var sentence: String { description }

    public var kind: FailureKind {
        switch self {
        case .exists: .exists
        case .notFormatted: .notFound
        case .damaged: .corrupt
        case .newerFormat, .backup: .configuration
        case .locked: .retryLater
        case .system(_, let failure):
            switch failure.code {
            case _ where failure.isDenied: .denied
            // Exit status 73: the directory cannot be made or filled.
            case EROFS, ENOSPC, ENOENT, ENOTDIR: .exists
            default: .io
            }
        }
    }
}

extension StoreFailure: Presentable {
    public var sentence: String { reason }
    public var kind: FailureKind { isRefusedByDisk ? .io : .corrupt }
}
