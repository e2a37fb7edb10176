import ToolSupport

/// A run's result, as text, JSON or CSV.
package struct LoadReport {
    package let plan: LoadPlan
    package let results: [PhaseResult]
    /// Hosts that took part, by address; empty when only this one did.
    package let hosts: [String]
    /// A signal ended it before its time.
    package var isInterrupted = false

    package init(_ plan: LoadPlan, _ results: [PhaseResult], hosts: [String] = []) {
        self.plan = plan
        self.results = results
        self.hosts = hosts
    }

    package var failed: UInt64 { results.reduce(0) { $0 + $1.tally.failed } }
    package var wrong: UInt64 { results.reduce(0) { $0 + $1.tally.wrong } }

    /// Wrong bytes are 1; other failures have the exit code of the first one.
    package var exit: SystemExit {
        if wrong > 0 { return .no }
        guard failed > 0 else { return .success }
        let first = results.lazy.compactMap(\.tally.reasons.first).first
        return first?.failure.exit ?? .software
    }

    /// The phase that a run is named after.
    var main: PhaseResult? { results.first }

    // MARK: Text

    package var text: String {
        var lines = results.map(text)
        for result in results {
            lines += result.tally.reasons.map { reason in
                "failed \(reason.count)x: \(reason.failure.sentence)"
            }
        }
        if isInterrupted { lines.append("interrupted: what was under way ended, no more began") }
        if wrong > 0 { lines.append("WRONG BYTES: \(wrong) objects are not what was put") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func text(_ result: PhaseResult) -> String {
        let tally = result.tally
        var lines = [
            "\(title(result)): \(tally.operations) operations, "
                + "\(ByteSize.format(tally.bytes)) in \(Self.decimal(result.seconds)) s, "
                + "\(tally.failed) failed"
        ]
        lines.append(
            "  \(Self.decimal(result.gigabytesPerSecond)) GB/s, "
                + "\(Self.decimal(result.operationsPerSecond)) ops/s")
        let latencies = [("p50", 50.0), ("p90", 90), ("p99", 99), ("p99.9", 99.9)].map {
            "\($0.0) \(Self.microseconds(tally.latencies.percentile($0.1)))"
        }
        lines.append(
            "  latency in us: \(latencies.joined(separator: ", ")), "
                + "max \(Self.microseconds(tally.latencies.longestSeen))")
        lines.append(
            "  first done after \(Self.decimal(Double(tally.firstDone) / 1e9)) s, "
                + "last after \(Self.decimal(Double(tally.lastDone) / 1e9)) s")
        for use in result.cpu.sorted(by: { $0.seconds > $1.seconds }) {
            let perGB = result.gigabytes > 0 ? use.seconds / result.gigabytes : 0
            let share = result.gigabytes > 0 ? ", \(Self.decimal(perGB)) s/GB" : ""
            lines.append(
                "  CPU \(use.process.role) \(use.process.pid): "
                    + "\(Self.decimal(use.seconds)) s\(share)")
        }
        if let busiest = result.busiest {
            lines.append(
                "  busiest: \(busiest.process.role) \(busiest.process.pid), "
                    + "\(Self.decimal(busiest.cores)) of a core")
        }
        if tally.retries > 0 { lines.append("  \(tally.retries) streams were begun again") }
        if tally.missed > 0 {
            lines.append(
                "  \(tally.missed) operations were due before the end and never began: "
                    + "the rate is more than the cluster takes")
        }
        if tally.latencies.overlong > 0 {
            lines.append("  \(tally.latencies.overlong) operations took more than an hour")
        }
        return lines.joined(separator: "\n")
    }

    private func title(_ result: PhaseResult) -> String {
        let label = plan.label.isEmpty ? "" : "\(plan.label) "
        let hosts = hosts.isEmpty ? "" : " on \(hosts.count) hosts"
        return "\(label)\(result.phase.task.rawValue)\(hosts)"
    }

    static func microseconds(_ nanoseconds: UInt64) -> String {
        decimal(Double(nanoseconds) / 1_000)
    }

    /// Three digits behind the point.
    static func decimal(_ value: Double) -> String {
        let thousandths = Int64((value * 1_000).rounded())
        let rest = String(thousandths % 1_000)
        return "\(thousandths / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}
