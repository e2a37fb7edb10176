import ToolSupport

extension LoadReport {
    /// One object, one line.
    package var json: String { JSONLine(members).text }

    private var members: [(String, JSONValue)] {
        var members: [(String, JSONValue)] = [
            ("mode", .string(plan.mode.rawValue)), ("label", .string(plan.label)),
        ]
        if let main { members += numbers(main) }
        if plan.mode == .meta { members += metaNumbers }
        // Of every phase together, whatever the first one's were.
        members.removeAll { $0.0 == "failed" || $0.0 == "verify_errors" }
        members += [("failed", .unsigned(failed)), ("verify_errors", .unsigned(wrong))]
        members += [
            ("exit_code", .integer(isInterrupted ? 130 : Int64(exit.rawValue))),
            ("interrupted", .bool(isInterrupted)), ("plan", settings),
            ("hosts", .array(hosts.map(JSONValue.string))),
        ]
        let reasons = results.flatMap(\.tally.reasons).map { reason in
            JSONValue.object([
                ("kind", .string(reason.failure.kind)),
                ("message", .string(reason.failure.sentence)), ("count", .unsigned(reason.count)),
            ])
        }
        return members + [("reasons", .array(reasons))]
    }

    private func numbers(_ result: PhaseResult) -> [(String, JSONValue)] {
        let tally = result.tally
        return [
            ("GB_per_s", .number(result.gigabytesPerSecond)),
            ("ops_per_s", .number(result.operationsPerSecond)),
            ("p50_us", us(tally.latencies.percentile(50))),
            ("p90_us", us(tally.latencies.percentile(90))),
            ("p99_us", us(tally.latencies.percentile(99))),
            ("p99_9_us", us(tally.latencies.percentile(99.9))),
            ("max_us", us(tally.latencies.longestSeen)),
            ("cpu_s_per_GB", result.cpuSecondsPerGigabyte.map(JSONValue.number) ?? .null),
            ("failed", .unsigned(tally.failed)), ("verify_errors", .unsigned(tally.wrong)),
            ("ops", .unsigned(tally.operations)), ("bytes", .unsigned(tally.bytes)),
            ("seconds", .number(result.seconds)),
            ("first_done_s", .number(Double(tally.firstDone) / 1e9)),
            ("last_done_s", .number(Double(tally.lastDone) / 1e9)),
            ("retries", .unsigned(tally.retries)), ("missed", .unsigned(tally.missed)),
            ("cpu_s", .number(result.cpuSeconds)), ("cpu", cpu(result)),
        ]
    }

    private var metaNumbers: [(String, JSONValue)] {
        var members: [(String, JSONValue)] = []
        for result in results {
            let name = result.phase.task == .create ? "create" : "open"
            members += [
                ("\(name)_per_s", .number(result.operationsPerSecond)),
                ("\(name)_p50_us", us(result.tally.latencies.percentile(50))),
                ("\(name)_p99_us", us(result.tally.latencies.percentile(99))),
                ("\(name)_cpu_s", .number(result.cpuSeconds)), ("\(name)_cpu", cpu(result)),
            ]
        }
        return members
    }

    private func us(_ nanoseconds: UInt64) -> JSONValue { .number(Double(nanoseconds) / 1_000) }

    private func cpu(_ result: PhaseResult) -> JSONValue {
        .array(
            result.cpu.sorted { $0.seconds > $1.seconds }.map { use in
                .object([
                    ("role", .string(use.process.role)), ("pid", .integer(Int64(use.process.pid))),
                    ("machine", .string(use.process.machine)), ("seconds", .number(use.seconds)),
                    ("cores", .number(result.cores(use))),
                ])
            })
    }

    private var settings: JSONValue {
        .object([
            ("size", plan.size.map(JSONValue.unsigned) ?? .null),
            ("block", plan.block.map(JSONValue.unsigned) ?? .null),
            ("packet", .integer(Int64(plan.packet))), ("streams", .integer(Int64(plan.streams))),
            ("depth", .integer(Int64(plan.depth))), ("replicas", .integer(Int64(plan.replicas))),
            ("durability", .string(plan.durability.rawValue)),
            ("duration_ms", plan.milliseconds.map(JSONValue.integer) ?? .null),
            ("count", plan.count.map(JSONValue.unsigned) ?? .null),
            ("rate", plan.rate.map(JSONValue.number) ?? .null), ("verify", .bool(plan.verify)),
            ("seed", .unsigned(plan.seed)), ("warmup_ms", .integer(plan.warmupMilliseconds)),
            ("threads", .integer(Int64(plan.threads))),
            ("chain", .array(plan.chain.map(JSONValue.string))),
        ])
    }
}
