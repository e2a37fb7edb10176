extension LoadReport {
    package static let csvHeader =
        "label,mode,phase,streams,depth,size,ops,bytes,seconds,GB_per_s,ops_per_s,p50_us,p90_us,"
        + "p99_us,p99_9_us,max_us,cpu_s,cpu_s_per_GB,failed,verify_errors,retries,missed,seed\n"

    /// A line for each measured phase, under `csvHeader`.
    package var csv: String {
        results.map { result in
            let tally = result.tally
            let latencies = [50, 90, 99, 99.9].map {
                Self.microseconds(tally.latencies.percentile($0))
            }
            let fields: [String] =
                [
                    quoted(plan.label), plan.mode.rawValue, result.phase.task.rawValue,
                    "\(plan.streams)", "\(plan.depth)", plan.size.map { "\($0)" } ?? "",
                    "\(tally.operations)", "\(tally.bytes)", Self.decimal(result.seconds),
                    Self.decimal(result.gigabytesPerSecond),
                    Self.decimal(result.operationsPerSecond),
                ] + latencies + [
                    Self.microseconds(tally.latencies.longestSeen),
                    Self.decimal(result.cpuSeconds),
                    result.cpuSecondsPerGigabyte.map(Self.decimal) ?? "", "\(tally.failed)",
                    "\(tally.wrong)", "\(tally.retries)", "\(tally.missed)", "\(plan.seed)",
                ]
            return fields.joined(separator: ",") + "\n"
        }.joined()
    }

    /// RFC 4180.
    private func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
