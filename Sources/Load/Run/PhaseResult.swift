/// What came of one phase, on one host or on all.
package struct PhaseResult: Codable, Sendable {
    package var phase: Phase
    package var tally: OperationTally
    /// From the common start to the last operation's end.
    package var seconds: Double
    package var cpu: [ProcessUse]
    /// How long `cpu` was measured: a little longer than `seconds`.
    package var sampledSeconds: Double

    package init(
        phase: Phase, tally: OperationTally, seconds: Double, cpu: [ProcessUse],
        sampledSeconds: Double
    ) {
        self.phase = phase
        self.tally = tally
        self.seconds = seconds
        self.cpu = cpu
        self.sampledSeconds = sampledSeconds
    }

    /// Adds what another host did at the same time. A process that both saw is named once.
    package mutating func add(_ other: PhaseResult) {
        tally.add(other.tally)
        seconds = max(seconds, other.seconds)
        sampledSeconds = max(sampledSeconds, other.sampledSeconds)
        for use in other.cpu {
            if let index = cpu.firstIndex(where: { $0.process == use.process }) {
                if use.seconds > cpu[index].seconds { cpu[index] = use }
            } else {
                cpu.append(use)
            }
        }
    }

    package var operationsPerSecond: Double {
        seconds > 0 ? Double(tally.operations) / seconds : 0
    }

    /// 10^9 bytes.
    package var gigabytes: Double { Double(tally.bytes) / 1e9 }
    package var gigabytesPerSecond: Double { seconds > 0 ? gigabytes / seconds : 0 }
    package var cpuSeconds: Double { cpu.reduce(0) { $0 + $1.seconds } }

    /// `nil` when no payload was moved.
    package var cpuSecondsPerGigabyte: Double? {
        tally.bytes > 0 ? cpuSeconds / gigabytes : nil
    }

    /// The process that used most of a core, and how much of one.
    package var busiest: (process: ProcessTimes.Identity, cores: Double)? {
        guard sampledSeconds > 0, let use = cpu.max(by: { $0.seconds < $1.seconds }) else {
            return nil
        }
        return (use.process, cores(use))
    }

    /// How much of one core a process used.
    package func cores(_ use: ProcessUse) -> Double {
        sampledSeconds > 0 ? use.seconds / sampledSeconds : 0
    }
}
