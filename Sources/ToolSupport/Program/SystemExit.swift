import ArgumentParser
import ControlClient

/// Exit codes of every tool, as `sysexits.h` numbers them, so that a script can tell failures
/// apart.
public enum SystemExit: Int32, Sendable, CaseIterable {
    case success = 0
    /// A test (`catena test -e`) answered no.
    case no = 1
    case usage = 64
    /// Bytes do not match their checksum.
    case dataError = 65
    /// No such key.
    case noInput = 66
    case unavailable = 69
    /// Our own fault.
    case software = 70
    /// The key exists.
    case cannotCreate = 73
    case ioError = 74
    case temporaryFailure = 75
    case noPermission = 77
    case configuration = 78

    public init(_ kind: FailureKind) {
        self =
            switch kind {
            case .usage: .usage
            case .corrupt: .dataError
            case .notFound: .noInput
            case .unavailable: .unavailable
            case .exists: .cannotCreate
            case .io: .ioError
            case .retryLater: .temporaryFailure
            case .denied: .noPermission
            case .configuration: .configuration
            case .software: .software
            }
    }

    /// What a command throws to end with this code and without another word.
    public var exitCode: ExitCode { ExitCode(rawValue) }
}
