/// What a coordinator asks of a host that serves.
package enum HostOrder: Codable, Sendable {
    case prepare(LoadPlan)
    case run(Phase)
    case end
}

/// What the host answers. While a phase runs it says so each second.
package enum HostAnswer: Codable, Sendable {
    case ready
    case running
    case done(PhaseResult)
    case failed(LoadFailure)
}
