import Foundation
import Glibc
import Logging

/// One line per event on standard error, as text or as a JSON object.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    let label: String
    let asJSON: Bool

    static func bootstrap(asJSON: Bool) {
        LoggingSystem.bootstrap { LogLines(label: $0, asJSON: asJSON) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
        let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let line: String
        if asJSON {
            var fields = all
            fields["time"] = time
            fields["level"] = event.level.rawValue
            fields["component"] = label
            fields["message"] = "\(event.message)"
            line = Self.json(fields)
        } else {
            let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            line = "\(time) \(event.level.rawValue) \(label): \(event.message)\(details)"
        }
        let bytes = Array((line + "\n").utf8)
        // A log that cannot be written has nowhere to say so.
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func json(_ fields: [String: String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return String(decoding: try encoder.encode(fields), as: UTF8.self) } catch {
            return #"{"level":"error","message":"a log line could not be written as JSON"}"#
        }
    }
}
