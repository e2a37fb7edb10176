/// What a coordinator asks of a host that serves.
package enum HostOrder: Codable, Sendable {
    case prepare(LoadPlan)
    case run(Phase)
    /// The phase that runs ends, and those that follow are empty.
    case cancel
    case end
}

/// What the host answers. While a phase runs it says so each second.
package enum HostAnswer: Codable, Sendable {
    case ready
    case running
    case done(PhaseResult)
    case failed(LoadFailure)
}
