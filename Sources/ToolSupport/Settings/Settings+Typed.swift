import ControlClient
import Logging
import System

extension Settings {
    /// A value read by `parse`; a value it does not take is an error that says where it stands and
    /// what it should be.
    public func parsed<Value>(
        _ name: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(ToolFailure) -> Value? {
        guard let found = try value(name) else { return nil }
        guard let value = parse(found.text) else {
            throw ToolFailure(
                found.source.kind, "\(found.source) is '\(found.text)': it must be \(expected)")
        }
        return value
    }

    public func string(_ name: String) throws(ToolFailure) -> String? { try value(name)?.text }

    /// Names of files: a list, or values with commas between. A flag's value is one name, commas
    /// and all.
    public func paths(_ name: String) throws(ToolFailure) -> [String] {
        guard let (names, source) = try listed(name) else { return [] }
        if case .flag = source { return names }
        return names.flatMap { $0.split(separator: ",") }.map { String($0).trimmed }
            .filter { !$0.isEmpty }
    }

    /// A whole number within `range`.
    public func integer(
        _ name: String, in range: ClosedRange<Int>
    ) throws(ToolFailure) -> Int? {
        try parsed(name, "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Bytes, within `range`.
    public func bytes(
        _ name: String, in range: ClosedRange<UInt64> = 0...UInt64(Int64.max)
    ) throws(ToolFailure) -> UInt64? {
        let bounds = "\(ByteSize.format(range.lowerBound)) to \(ByteSize.format(range.upperBound))"
        return try parsed(name, "a size such as 64KiB, from \(bounds)") {
            ByteSize.parse($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Milliseconds, within `range`.
    public func milliseconds(
        _ name: String, in range: ClosedRange<Int64>
    ) throws(ToolFailure) -> Int64? {
        let bounds = "\(TimeSpan.format(range.lowerBound)) to \(TimeSpan.format(range.upperBound))"
        return try parsed(name, "a duration such as 250ms or 5s, from \(bounds)") {
            TimeSpan.parse($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public func flag(_ name: String) throws(ToolFailure) -> Bool? {
        try parsed(name, "true or false") {
            switch $0.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }

    /// Where a daemon listens. Port 0 asks for a free one.
    package func listenAddress(_ name: String) throws(ToolFailure) -> SocketAddress? {
        try parsed(name, "a numeric ADDRESS:PORT, such as 127.0.0.1:7400 or [::1]:7400") { text in
            Endpoint(listening: text).flatMap { SocketAddress(host: $0.host, port: $0.port) }
        }
    }

    public func endpoint(_ name: String) throws(ToolFailure) -> Endpoint? {
        try parsed(name, "HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400") { Endpoint($0) }
    }

    public func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Choice.Type
    ) throws(ToolFailure) -> Choice? where Choice.RawValue == String {
        let names = type.allCases.map(\.rawValue).joined(separator: ", ")
        return try parsed(name, "one of \(names)") { Choice(rawValue: $0) }
    }

    /// Demands what a tool cannot do without, naming every way to give it.
    public func required<Value>(_ name: String, _ value: Value?) throws(ToolFailure) -> Value {
        if let value { return value }
        throw ToolFailure(
            .configuration,
            "--\(name) is missing: give it, or set \(Self.variable(name)), "
                + "or '\(name)' in a --config file"
        )
    }
}

extension String {
    /// Without white space at either end.
    public var trimmed: String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace || $0.isNewline }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
