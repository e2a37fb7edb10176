/// One field of a struct of counts, as those who read it know it: a row of the table that stands
/// beside the struct.
///
/// Who counts adds to the field and never meets the row. Key paths are followed when counts are
/// read or added up, about once a second.
package struct Metric<Counts>: Sendable {
    /// As Prometheus writes names: base units, `_total` at the end of what only grows.
    package let name: String
    package let kind: MetricKind
    package let unit: MetricUnit
    /// The name of the label that tells the counts of a family apart.
    package let label: String?
    package let help: String
    private let add: @Sendable (inout Counts, Counts) -> Void
    private let read: @Sendable (Counts) -> MetricValue

    /// - Parameter path: the field, whose type says the kind.
    package init<Field: MetricField>(
        _ path: any WritableKeyPath<Counts, Field> & Sendable, _ name: String,
        _ help: String, in unit: MetricUnit = .one
    ) {
        self.name = name
        self.unit = unit
        self.help = help
        kind = Field.kind
        label = Field.label
        add = { $0[keyPath: path].add($1[keyPath: path]) }
        read = { $0[keyPath: path].value(in: unit) }
    }

    private init<Part>(
        _ part: Metric<Part>, of path: any WritableKeyPath<Counts, Part> & Sendable
    ) {
        name = part.name
        unit = part.unit
        help = part.help
        kind = part.kind
        label = part.label
        add = { part.add(&$0[keyPath: path], $1[keyPath: path]) }
        read = { part.read($0[keyPath: path]) }
    }

    /// The rows of a struct that is a field of this one.
    package static func rows<Part>(
        _ path: any WritableKeyPath<Counts, Part> & Sendable, _ parts: [Metric<Part>]
    ) -> [Metric] {
        parts.map { Metric($0, of: path) }
    }

    package func sample(of counts: Counts) -> MetricSample {
        MetricSample(name: name, value: read(counts))
    }

    fileprivate func add(_ other: Counts, to sum: inout Counts) { add(&sum, other) }
}

/// What a field's type says of it.
package enum MetricKind: String, Sendable {
    /// Only grows, from 0 at the start of the process.
    case counter
    /// What there is now.
    case gauge
    case histogram
}

package enum MetricUnit: String, Sendable {
    /// Of whatever the name says.
    case one = ""
    case bytes
    /// The field counts nanoseconds.
    case seconds

    var scale: Double { self == .seconds ? 1e-9 : 1 }
}

extension Array {
    /// Every row, read.
    package func samples<Counts>(of counts: Counts) -> [MetricSample]
    where Element == Metric<Counts> {
        map { $0.sample(of: counts) }
    }

    /// The counts of several together.
    /// - Parameter zero: counts of nothing, with what no row is about.
    package func sum<Counts>(_ parts: [Counts], from zero: Counts) -> Counts
    where Element == Metric<Counts> {
        var sum = zero
        for part in parts { for metric in self { metric.add(part, to: &sum) } }
        return sum
    }
}
