/// The settings of a program as a person reads them: the tables of docs/OPERATIONS.md.
public struct SettingTables {
    public private(set) var text = ""

    public init() {}

    /// A Markdown table of one command's settings.
    public mutating func add<Table: SettingTable>(_ command: String, _ table: Table.Type) {
        if !text.isEmpty { text += "\n" }
        text += "### \(command)\n\n| setting | default | meaning |\n|---|---|---|\n"
        for setting in table.settings {
            let standard = setting.standard.isEmpty ? "" : " \(setting.standard)"
            text += "| `--\(setting.name)` |\(standard) | \(setting.help) |\n"
        }
    }

    public func show() throws { try StandardStream.output.writeResult(text) }
}
