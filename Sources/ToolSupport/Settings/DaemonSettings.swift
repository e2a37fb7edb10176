import ControlClient
import Glibc
import Logging

/// What every daemon is told beside its own work.
public struct DaemonSettings: Sendable {
    public var logLevel = Logger.Level.info
    public var logFormat = EventLogHandler.Format.text
    public var portFile: String?

    public init() {}

    /// The logger these settings ask for; it begins with what was wrong about a default file.
    public func logger(_ label: String, _ layers: Settings) -> Logger {
        let log = ToolLog.start(label, level: logLevel, format: logFormat)
        if let warning = layers.warning { log.warning("\(warning)") }
        return log
    }
}

/// What a daemon's settings are read into.
public protocol DaemonTarget: SettingTarget {
    var daemon: DaemonSettings { get set }
}

extension Setting where Target: DaemonTarget {
    /// The last rows of every daemon's table.
    public static var daemon: [Setting] {
        [
            .text(
                "port-file", "file", "Write the bound port here, once the daemon listens.",
                into: \.daemon.portFile),
            .choice(
                "log-level", "level", "trace, debug, info, notice, warning, error or critical.",
                into: \.daemon.logLevel),
            .choice(
                "log-format", "format", "text or json, one line an event.",
                into: \.daemon.logFormat),
        ]
    }
}

/// The process's environment variables; of a name that is there twice, the first.
public func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let pair = String(cString: text).split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2, variables[String(pair[0])] == nil {
            variables[String(pair[0])] = String(pair[1])
        }
        entry += 1
    }
    return variables
}
