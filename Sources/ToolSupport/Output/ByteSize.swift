import ArgumentParser

/// Sizes as people write them: `4096`, `64KiB`, `128MiB`, `1.5GiB`, and the decimal `10MB`.
public enum ByteSize {
    private static let binary: [(String, UInt64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50),
    ]
    private static let decimal: [(String, UInt64)] = [
        ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000),
    ]

    /// Bytes; `nil` for what is not a size, is negative or has a fraction of a byte.
    ///
    /// Units are read without regard to case; one letter (`64k`) means the binary unit.
    public static func parse(_ text: String) -> UInt64? {
        let trimmed = text.filter { $0 != " " }
        let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = trimmed.dropFirst(number.count).lowercased()
        guard let factor = factor(of: unit) else { return nil }
        if let whole = UInt64(number) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow ? nil : bytes
        }
        guard let value = Double(number), let bytes = UInt64(exactly: value * Double(factor))
        else { return nil }
        return bytes
    }

    private static func factor(of unit: String) -> UInt64? {
        if unit.isEmpty || unit == "b" { return 1 }
        for (name, factor) in binary {
            let lower = name.lowercased()
            if unit == lower || unit == lower.prefix(1) { return factor }
        }
        return decimal.first { $0.0.lowercased() == unit }?.1
    }

    /// Exact when a whole number of a binary unit, one decimal otherwise: `128 MiB`, `1.5 GiB`, `17
    /// B`.
    public static func format(_ bytes: UInt64) -> String {
        guard let (unit, factor) = binary.last(where: { bytes >= $0.1 }) else {
            return "\(bytes) B"
        }
        if bytes % factor == 0 { return "\(bytes / factor) \(unit)" }
        return "\(oneDecimal(Double(bytes) / Double(factor))) \(unit)"
    }

    /// Bytes per second in decimal units, as devices and networks are rated.
    public static func formatRate(_ bytesPerSecond: Double) -> String {
        guard bytesPerSecond.isFinite, bytesPerSecond >= 0 else { return "-" }
        for (unit, factor) in decimal.reversed() where bytesPerSecond >= Double(factor) {
            return "\(oneDecimal(bytesPerSecond / Double(factor))) \(unit)/s"
        }
        return "\(Int(bytesPerSecond)) B/s"
    }

    static func oneDecimal(_ value: Double) -> String {
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// An argument such as `64KiB`.
public struct SizeArgument: ExpressibleByArgument, Sendable {
    public let bytes: UInt64

    public init?(argument: String) {
        guard let bytes = ByteSize.parse(argument) else { return nil }
        self.bytes = bytes
    }
}
