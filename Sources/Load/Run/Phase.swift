/// One part of a run that all workers begin together.
package struct Phase: Codable, Sendable, Equatable {
    package enum Task: String, Codable, Sendable {
        case put, get, mixed, ping
        /// Whole CREATE, ADDBLOCK and CLOSE cycles.
        case create
        case open
        /// The small objects that `open` opens.
        case putSmall
        /// Deletes what the phases before have put.
        case remove
        case removeSmall
    }

    package var task: Task
    package var keys: UInt64?
    package var milliseconds: Int64?
    package var rate: Double?
    /// Its result is part of the run's.
    package var isMeasured = true

    package init(
        task: Task, keys: UInt64? = nil, milliseconds: Int64? = nil, rate: Double? = nil,
        isMeasured: Bool = true
    ) {
        self.task = task
        self.keys = keys
        self.milliseconds = milliseconds
        self.rate = rate
        self.isMeasured = isMeasured
    }

    /// Objects that a worker of `meta` puts to have something to open.
    package static let openKeys: UInt64 = 64
    package static let openBytes: UInt64 = 4096
    private static let defaultObjects: UInt64 = 16
    private static let defaultPings: UInt64 = 5_000
    private static let defaultMilliseconds: Int64 = 10_000

    /// What a plan comes down to.
    package static func of(_ plan: LoadPlan) -> [Phase] {
        var phases: [Phase] = []
        if plan.mode == .meta {
            phases.append(Phase(task: .putSmall, keys: openKeys, isMeasured: false))
        }
        for task in tasks(plan.mode) {
            let main = main(task, plan)
            if plan.warmupMilliseconds > 0 {
                var warmup = main
                warmup.milliseconds = plan.warmupMilliseconds
                warmup.isMeasured = false
                // A chain without a namenode takes an object once: there is no going around.
                if !plan.chain.isEmpty, task != .get { warmup.keys = nil }
                phases.append(warmup)
            }
            phases.append(main)
        }
        guard plan.cleanup else { return phases }
        phases.append(Phase(task: .remove, isMeasured: false))
        if plan.mode == .meta {
            phases.append(Phase(task: .removeSmall, keys: openKeys, isMeasured: false))
        }
        return phases
    }

    private static func tasks(_ mode: LoadPlan.Mode) -> [Task] {
        switch mode {
        case .put: [.put]
        case .get: [.get]
        case .mixed: [.mixed]
        case .ping: [.ping]
        case .meta: [.create, .open]
        }
    }

    private static func main(_ task: Task, _ plan: LoadPlan) -> Phase {
        var phase = Phase(
            task: task, keys: plan.count, milliseconds: plan.milliseconds, rate: plan.rate)
        let isOpenEnded = plan.count == nil && plan.milliseconds == nil
        switch task {
        case .get: phase.keys = plan.count ?? defaultObjects
        case .put where isOpenEnded: phase.keys = defaultObjects
        case .ping where isOpenEnded: phase.keys = defaultPings
        case .mixed where isOpenEnded, .create where isOpenEnded, .open where isOpenEnded:
            phase.milliseconds = defaultMilliseconds
        default: break
        }
        return phase
    }
}
