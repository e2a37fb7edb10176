import ToolSupport

/// Where phases run: on this host, or on several at once.
package protocol PhaseRunner: ~Copyable {
    /// Makes everything ready, so that a phase begins at once.
    mutating func prepare() throws(ToolFailure)
    /// Runs one phase to its end.
    mutating func run(_ phase: Phase) throws(ToolFailure) -> PhaseResult
    mutating func end()
}

extension PhaseRunner where Self: ~Copyable {
    /// Runs a plan.
    /// - Returns: what came of its measured phases.
    package mutating func run(_ plan: LoadPlan) throws(ToolFailure) -> [PhaseResult] {
        try prepare()
        defer { end() }
        var results: [PhaseResult] = []
        for phase in Phase.of(plan) {
            let result = try run(phase)
            if phase.isMeasured {
                results.append(result)
            } else if result.tally.wrong > 0 {
                throw ToolFailure(
                    .corrupt, "bytes that were read before the measurement are wrong")
            } else if phase.task == .putSmall, let reason = result.tally.reasons.first {
                throw ToolFailure(
                    .unavailable, "nothing to open could be put: \(reason.failure.sentence)")
            }
        }
        return results
    }
}
