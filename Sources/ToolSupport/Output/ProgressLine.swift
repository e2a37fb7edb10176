/// What a progress bar shows, as a pure function of where it stands.
public struct ProgressLine: Equatable, Sendable {
    public var label: String
    public var done: UInt64
    /// `nil`: not known before the end.
    public var total: UInt64?
    public var milliseconds: Int64

    public init(label: String, done: UInt64, total: UInt64?, milliseconds: Int64) {
        self.label = label
        self.done = done
        self.total = total
        self.milliseconds = milliseconds
    }

    /// At most `columns` characters: label, bar, percent, bytes, rate and time left, as many as
    /// fit.
    public func text(columns: Int) -> String {
        let rate = milliseconds > 0 ? Double(done) * 1_000 / Double(milliseconds) : 0
        var parts = [ByteSize.format(done)]
        if let total {
            parts[0] += " of \(ByteSize.format(total))"
        }
        if rate > 0 { parts.append(ByteSize.formatRate(rate)) }
        if let total, rate > 0, total > done {
            let left = Double(total - done) / rate * 1_000
            parts.append("\(TimeSpan.format(Int64(min(left, 1e12)))) left")
        }
        let facts = parts.joined(separator: "  ")
        guard let total else { return String("\(label)  \(facts)".prefix(columns)) }
        let percent = total == 0 ? 100 : Int(Double(min(done, total)) / Double(total) * 100)
        let head =
            "\(label) \(percent < 10 ? "  " : percent < 100 ? " " : "")\(percent)%"
        // Two blanks, two brackets.
        let room = min(40, columns - head.count - facts.count - 5)
        guard room >= 5 else { return String("\(head)  \(facts)".prefix(columns)) }
        let filled = room * percent / 100
        let bar =
            String(repeating: "#", count: filled) + String(repeating: ".", count: room - filled)
        return "\(head) [\(bar)] \(facts)"
    }
}
