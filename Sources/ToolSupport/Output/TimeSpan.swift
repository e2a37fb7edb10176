import ArgumentParser

/// Durations as people write them: `250ms`, `5s`, `2m`, `1h`, `1d`; a bare number means seconds.
public enum TimeSpan {
    private static let units: [(String, Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Milliseconds; `nil` for what is not a duration or is negative.
    public static func parse(_ text: String) -> Int64? {
        let trimmed = text.filter { $0 != " " }
        let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = trimmed.dropFirst(number.count).lowercased()
        guard let factor = unit.isEmpty ? 1_000 : units.first(where: { $0.0 == unit })?.1,
            let value = Double(number)
        else { return nil }
        return Int64(exactly: (value * Double(factor)).rounded())
    }

    /// The two largest units: `250ms`, `4.2s`, `3m 05s`, `2h 10m`, `5d 3h`.
    public static func format(_ milliseconds: Int64) -> String {
        let value = max(0, milliseconds)
        if value < 1_000 { return "\(value)ms" }
        let seconds = value / 1_000
        if seconds < 60 { return "\(value / 1_000).\(value % 1_000 / 100)s" }
        if seconds < 3_600 { return "\(seconds / 60)m \(padded(seconds % 60))s" }
        if seconds < 86_400 { return "\(seconds / 3_600)h \(padded(seconds % 3_600 / 60))m" }
        return "\(seconds / 86_400)d \(seconds % 86_400 / 3_600)h"
    }

    private static func padded(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

/// An argument such as `250ms` or `10s`.
public struct SpanArgument: ExpressibleByArgument, Sendable {
    public let milliseconds: Int64

    public init?(argument: String) {
        guard let milliseconds = TimeSpan.parse(argument) else { return nil }
        self.milliseconds = milliseconds
    }
}
