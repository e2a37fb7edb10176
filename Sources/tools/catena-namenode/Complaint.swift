import ArgumentParser
import Control
import Glibc

/// What ends the program: one sentence on standard error and a status of sysexits(3).
enum Complaint {
    static func exit(_ sentence: String, _ status: Int32) -> ExitCode {
        let line = Array("catena-namenode: \(sentence)\n".utf8)
        // Standard error is the last resort; when it fails there is nobody left to tell.
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        return ExitCode(status)
    }

    static func exit(_ failure: DirectoryFailure) -> ExitCode {
        exit(failure.description, status(of: failure))
    }

    static func status(of failure: DirectoryFailure) -> Int32 {
        switch failure {
        case .exists: EX_CANTCREAT
        case .notFormatted: EX_NOINPUT
        case .damaged: EX_DATAERR
        case .newerFormat: EX_CONFIG
        case .locked: EX_TEMPFAIL
        case .system(_, let failure):
            switch failure.code {
            case EACCES, EPERM: EX_NOPERM
            case EROFS, ENOSPC, ENOENT, ENOTDIR: EX_CANTCREAT
            default: EX_IOERR
            }
        }
    }
}
