import Logging

/// Makes a tool's logger, once at its start; everything below is handed this one.
public enum ToolLog {
    /// - Parameters:
    ///   - label: the program's name.
    ///   - node: goes on every line; a datanode that learns its id later sets metadata `node`.
    public static func start(
        _ label: String, level: Logger.Level, format: EventLogHandler.Format, node: String = ""
    ) -> Logger {
        LogWriter.standardError.tellLoss { format.loss($0) }
        var logger = Logger(label: label) { _ in EventLogHandler(level: level, format: format) }
        if !node.isEmpty { logger[metadataKey: "node"] = .string(node) }
        return logger
    }
}
