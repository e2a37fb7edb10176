import Logging

/// One event of the log, in either format, with its line end.
struct EventLine {
    let timestamp: String
    let level: String
    let node: String
    let event: String
    let metadata: Logger.Metadata

    private var sorted: [(String, Logger.MetadataValue)] {
        metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var json: String {
        let fixed: [(String, JSONValue)] = [
            ("ts", .string(timestamp)), ("level", .string(level)), ("node", .string(node)),
            ("event", .string(event)),
        ]
        // A metadata key that is also a fixed one would make an object with two members of one
        // name.
        let names = Set(fixed.map(\.0))
        let rest = sorted.map { (names.contains($0.0) ? $0.0 + "_" : $0.0, value($0.1)) }
        return JSONValue.object(fixed + rest).text + "\n"
    }

    private func value(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let number as any FixedWidthInteger): integer(number)
        case .stringConvertible(let flag as Bool): .bool(flag)
        case .stringConvertible(let other): .string(other.description)
        case .array(let values): .array(values.map(self.value))
        case .dictionary(let values):
            .object(values.sorted { $0.key < $1.key }.map { ($0.key, self.value($0.value)) })
        }
    }

    private func integer(_ number: any FixedWidthInteger) -> JSONValue {
        if let signed = Int64(exactly: number) { return .integer(signed) }
        if let unsigned = UInt64(exactly: number) { return .unsigned(unsigned) }
        return .string("\(number)")
    }

    var text: String {
        var line = "\(timestamp) \(level)"
        if !node.isEmpty { line += " [\(node)]" }
        line += " \(oneLine(event))"
        for (key, value) in sorted { line += " \(key)=\(quoted(value.description))" }
        return line + "\n"
    }

    private func quoted(_ value: String) -> String {
        let plain = !value.isEmpty && !value.contains { $0.isWhitespace || $0 == "\"" || $0 == "=" }
        return plain ? value : JSONValue.string(value).text
    }

    /// An event stays one line even when somebody's bytes got into it.
    private func oneLine(_ value: String) -> String {
        String(value.map { $0.isNewline ? " " : $0 })
    }
}
