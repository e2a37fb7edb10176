/// Draws `ProgressLine` over itself on a terminal, a few times a second; elsewhere it draws
/// nothing.
public final class ProgressBar {
    /// Between two drawings, in milliseconds.
    private static let interval: Int64 = 100

    private let stream: StandardStream
    private let label: String
    private let total: UInt64?
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var drawn: Int64 = -ProgressBar.interval
    private let isEnabled: Bool

    /// - Parameter quiet: draw nothing even on a terminal.
    public init(
        label: String, total: UInt64?, quiet: Bool = false, stream: StandardStream = .error
    ) {
        self.label = label
        self.total = total
        self.stream = stream
        start = clock.now
        isEnabled = !quiet && stream.isTerminal
    }

    /// - Parameter done: bytes so far, of the whole.
    public func update(_ done: UInt64) {
        guard isEnabled else { return }
        let now = elapsed
        guard now - drawn >= Self.interval else { return }
        drawn = now
        let line = ProgressLine(label: label, done: done, total: total, milliseconds: now)
        stream.draw("\r\u{1b}[K" + line.text(columns: stream.columns - 1))
    }

    /// Takes the bar away, so that what comes next starts on a clean line.
    public func finish() {
        if isEnabled, drawn >= 0 { stream.draw("\r\u{1b}[K") }
    }

    /// Milliseconds since the bar was made.
    public var elapsed: Int64 {
        let parts = (clock.now - start).components
        return parts.seconds * 1_000 + parts.attoseconds / 1_000_000_000_000_000
    }
}
