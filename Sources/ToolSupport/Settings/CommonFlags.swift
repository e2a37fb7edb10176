import ArgumentParser
import Glibc
import Logging

/// The flags that every daemon takes, and how they become a logger.
public struct CommonFlags: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: .init(
            "A YAML file with settings; flags and CATENA_* variables win over it.",
            valueName: "file"))
    public var config: String?

    @Option(
        name: .customLong("log-level"),
        help: "trace, debug, info, notice, warning, error or critical (default: info).")
    public var logLevel: String?

    @Option(
        name: .customLong("log-format"), help: "text or json, one line an event (default: text).")
    public var logFormat: String?

    public init() {}

    /// The names these flags have in a file and, with CATENA_ before them, in the environment.
    public static let names: Set<String> = ["log-level", "log-format"]

    /// - Parameters:
    ///   - fallback: the tool's own file, such as `/etc/catena/datanode.yaml`.
    ///   - known: the tool's names beside the common ones.
    ///   - flags: what the tool's own flags gave.
    public func settings(
        fallback: String, known: Set<String>, flags: [String: [String]]
    ) throws(ToolFailure) -> Settings {
        var given = flags
        given["log-level"] = logLevel.map { [$0] } ?? []
        given["log-format"] = logFormat.map { [$0] } ?? []
        return try Settings(
            file: config, fallback: fallback, known: known.union(Self.names), flags: given,
            environment: processEnvironment())
    }

    /// The logger these settings ask for.
    public func logger(_ label: String, _ settings: Settings) throws(ToolFailure) -> Logger {
        let log = ToolLog.start(
            label, level: try settings.logLevel() ?? .info,
            format: try settings.choice("log-format", EventLogHandler.Format.self) ?? .text)
        if let warning = settings.warning { log.warning("\(warning)") }
        return log
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
