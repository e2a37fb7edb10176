import Logging

/// One line per event on standard error: fixed fields first, then the metadata in the order of its
/// keys.
///
/// The log message is the event: a short fixed phrase whose variables are metadata, so that lines
/// can be counted. Metadata `node` takes the fixed place of that name.
public struct EventLogHandler: LogHandler {
    public enum Format: String, Sendable, CaseIterable {
        case json, text

        func line(_ event: EventLine) -> String { self == .json ? event.json : event.text }

        /// What stands in the log for lines that nobody took.
        func loss(_ count: Int) -> String {
            line(
                EventLine(
                    timestamp: Timestamp.format(Timestamp.now()),
                    level: Logger.Level.warning.rawValue, node: "",
                    event: "log lines were dropped: standard error was not read",
                    metadata: ["count": .stringConvertible(count)]))
        }
    }

    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level
    private let format: Format
    private let sink: @Sendable (String) -> Void

    public init(
        level: Logger.Level, format: Format,
        sink: @escaping @Sendable (String) -> Void = { LogWriter.standardError.write($0) }
    ) {
        logLevel = level
        self.format = format
        self.sink = sink
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        if let error = event.error { all["error"] = "\(error)" }
        let line = EventLine(
            timestamp: Timestamp.format(Timestamp.now()), level: event.level.rawValue,
            node: all.removeValue(forKey: "node")?.description ?? "",
            event: event.message.description, metadata: all)
        sink(format.line(line))
    }
}

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
