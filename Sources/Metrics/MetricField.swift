/// What a struct of counts is made of: `UInt64` counts, `Int` is a level, and there are the types
/// beside them.
package protocol MetricField: Sendable {
    static var kind: MetricKind { get }
    static var label: String? { get }
    mutating func add(_ other: Self)
    func value(in unit: MetricUnit) -> MetricValue
}

extension MetricField {
    package static var label: String? { nil }
}

extension UInt64: MetricField {
    package static var kind: MetricKind { .counter }
    package mutating func add(_ other: UInt64) { self &+= other }
    package func value(in unit: MetricUnit) -> MetricValue { .number(Double(self) * unit.scale) }
}

extension Int: MetricField {
    package static var kind: MetricKind { .gauge }
    package mutating func add(_ other: Int) { self &+= other }
    package func value(in unit: MetricUnit) -> MetricValue { .number(Double(self) * unit.scale) }
}

/// The values of a label: a fixed list, so that a family of counts is bounded.
package protocol MetricLabel: Hashable, CaseIterable, Sendable {
    static var label: String { get }
    var labelValue: String { get }
}

/// One number for each value of a label.
package struct CountsBy<Label: MetricLabel, Number: MetricField & BinaryInteger>: MetricField,
    Equatable
{
    @usableFromInline
    var numbers: [Label: Number] = [:]

    package init() {}

    // Inlined where it counts, so that it is specialised for the label there.
    @inlinable
    package subscript(label: Label) -> Number {
        get { numbers[label, default: 0] }
        _modify { yield &numbers[label, default: 0] }
    }

    package static var kind: MetricKind { Number.kind }
    package static var label: String? { Label.label }

    package mutating func add(_ other: CountsBy) {
        for (label, number) in other.numbers { numbers[label, default: 0].add(number) }
    }

    package func value(in unit: MetricUnit) -> MetricValue {
        let labels = Array(Label.allCases)
        return .family(
            label: Label.label, values: labels.map(\.labelValue),
            numbers: labels.map { Double(self[$0]) * unit.scale })
    }
}

/// A metric that was read. Whoever passes it on or shows it needs to know nothing of its row.
package struct MetricSample: Sendable, Equatable {
    package let name: String
    package let value: MetricValue

    package init(name: String, value: MetricValue) {
        self.name = name
        self.value = value
    }
}

/// Numbers are exact up to 2^53.
package enum MetricValue: Sendable, Equatable {
    case number(Double)
    /// One for each value of a label.
    case family(label: String, values: [String], numbers: [Double])
    /// How many were at most each bound and beyond the one before; the last count is of those
    /// beyond all bounds.
    case histogram(bounds: [Double], counts: [UInt64], sum: Double)
}
