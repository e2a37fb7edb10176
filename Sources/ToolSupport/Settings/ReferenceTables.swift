import Metrics

/// What a program has names for, as a person reads it: the tables of docs/OPERATIONS.md, which
/// `dev/settings` takes from what this prints.
public struct ReferenceTables {
    public private(set) var text = ""

    public init() {}

    /// The settings of one command.
    public mutating func add<Table: SettingTable>(_ command: String, _ table: Table.Type) {
        add(
            command, ["setting", "default", "meaning"],
            table.settings.map { ["`--\($0.name)`", $0.standard, $0.help] })
    }

    /// What one program counts.
    package mutating func add<Counts>(_ heading: String, _ metrics: [Metric<Counts>]) {
        add(
            heading, ["metric", "kind", "unit", "meaning"],
            metrics.map { metric in
                let label = metric.label.map { "{\($0)}" } ?? ""
                return [
                    "`\(metric.name)\(label)`", metric.kind.rawValue, metric.unit.rawValue,
                    metric.help,
                ]
            })
    }

    /// In Markdown.
    private mutating func add(_ heading: String, _ columns: [String], _ rows: [[String]]) {
        if !text.isEmpty { text += "\n" }
        text += "### \(heading)\n\n| \(columns.joined(separator: " | ")) |\n"
        text += "|" + String(repeating: "---|", count: columns.count) + "\n"
        for row in rows {
            text += "|" + row.map { $0.isEmpty ? " |" : " \($0) |" }.joined() + "\n"
        }
    }

    public func show() throws { try StandardStream.output.writeResult(text) }
}
