import Glibc

/// One measurement, for people and for programs. GB are 10^9 bytes of payload.
struct Report {
    private let plan: Plan
    private let hops: Int
    private let result: Measurement

    init(_ plan: Plan, hops: Int, _ result: Measurement) {
        self.plan = plan
        self.hops = hops
        self.result = result
    }

    private var gigabytes: Double { Double(plan.bytes) / 1e9 }

    /// What was measured, by name. CPU seconds are those of all processes, user and system.
    private var figures: [(name: String, value: Double, digits: Int)] {
        var figures: [(String, Double, Int)] = [
            ("GB_per_s", gigabytes / result.seconds, 3),
            ("cpu_s_per_GB", result.cpuSeconds / gigabytes, 3),
        ]
        if plan.mode == .ping {
            figures = [
                ("p50_us", result.microseconds(0.50), 1),
                ("p99_us", result.microseconds(0.99), 1),
                ("ops_per_s", Double(plan.count) / result.seconds, 0),
            ]
        }
        return figures + [("seconds", result.seconds, 3), ("cpu_s", result.cpuSeconds, 3)]
    }

    var text: String {
        "mode=\(plan.mode) hops=\(hops) packet=\(plan.packet) depth=\(plan.depth) "
            + "medium=\(plan.medium) bytes=\(plan.bytes) "
            + figures.map { "\($0.name)=\(fixed($0.value, $0.digits))" }.joined(separator: " ")
    }

    /// Names and texts are the program's own, so nothing needs escaping.
    var json: String {
        "{\"mode\":\"\(plan.mode)\",\"hops\":\(hops),\"packet\":\(plan.packet),"
            + "\"depth\":\(plan.depth),\"medium\":\"\(plan.medium)\",\"bytes\":\(plan.bytes),"
            + figures.map { "\"\($0.name)\":\(fixed($0.value, $0.digits))" }
            .joined(separator: ",") + "}"
    }

    private func fixed(_ value: Double, _ digits: Int) -> String {
        let scale = [1.0, 10, 100, 1_000][digits]
        return "\((value * scale).rounded() / scale)"
    }
}
